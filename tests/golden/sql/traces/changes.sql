tenant = 'acme'
  AND slot >= 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND slot <= 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND `s_http_route` = '/pay'
  AND (duration_class >= 120 AND duration > 1000000000)
;
if(toInt32(multiIf((`s_http_route` = '/pay'), 3, (0), 1, 90)) = 0, toDate(65535), toDate(greatest(least(if(expires_on = toDate(65535), toInt32(toDate32(timestamp)), toInt32(expires_on) - 30) + toInt32(multiIf((`s_http_route` = '/pay'), 3, (0), 1, 90)), 65534), 1)))
