if(toInt32(multiIf(((skeleton != '' AND hasToken(skeleton, 'debug')) OR (skeleton = '' AND hasToken(lower(body), 'debug'))), 3, (`s_http_route` = '/pay'), 0, 90)) = 0, toDate(65535), toDate(greatest(least(if(expires_on = toDate(65535), greatest(toInt32(toDate32(timestamp)), toInt32(toDate32(observed_timestamp))), toInt32(expires_on) - 30) + toInt32(multiIf(((skeleton != '' AND hasToken(skeleton, 'debug')) OR (skeleton = '' AND hasToken(lower(body), 'debug'))), 3, (`s_http_route` = '/pay'), 0, 90)), 65534), 1)))
;
toDate(greatest(least(if(expires_on = toDate(65535), greatest(toInt32(toDate32(timestamp)), toInt32(toDate32(observed_timestamp))), toInt32(expires_on) - toInt32(multiIf(((skeleton != '' AND hasToken(skeleton, 'debug')) OR (skeleton = '' AND hasToken(lower(body), 'debug'))), 3, (`s_http_route` = '/pay'), 0, 90))) + 30, 65534), 1))
;
toDate(greatest(least(greatest(toInt32(toDate32(timestamp)), toInt32(toDate32(observed_timestamp))) + 30, 65534), 1))
;
toDate(65535)
