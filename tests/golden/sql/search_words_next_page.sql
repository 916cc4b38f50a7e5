WITH concat('{', arrayStringConcat(arraySort(arrayDistinct(arrayConcat(arrayMap((k, v) -> concat(toJSONString(k), ':', toJSONString(v)), mapKeys(attributes_string), mapValues(attributes_string)), arrayMap((k, v) -> concat(toJSONString(k), ':', toString(v)), mapKeys(attributes_int), mapValues(attributes_int)), arrayFilter(pair -> pair != '', [if(isNull(`s_http_route`), '', concat(toJSONString('http.route'), ':', toJSONString(assumeNotNull(`s_http_route`)))), if(isNull(`i_status`), '', concat(toJSONString('status'), ':', toString(assumeNotNull(`i_status`)))), if(isNull(`f_duration`), '', concat(toJSONString('duration'), ':', if(isFinite(assumeNotNull(`f_duration`)), toString(assumeNotNull(`f_duration`)), concat('"', toString(assumeNotNull(`f_duration`)), '"'))))])))), ','), '}') AS _attributes, cityHash64(timestamp, service, severity_number, body, trace_id, span_id, event_name, resource, _attributes) AS _hash
SELECT concat(toString(toUnixTimestamp64Nano(timestamp)), ' ', toString(_hash), ' ',
    '{"id":', concat('"', toString(toUnixTimestamp64Nano(timestamp)), '-', leftPad(lower(hex(_hash)), 16, '0'), '"'),
    ',"timestamp":', concat('"', toString(toUnixTimestamp64Nano(timestamp)), '"'),
    ',"observed_timestamp":', concat('"', toString(toUnixTimestamp64Nano(observed_timestamp)), '"'),
    ',"service":', toJSONString(toString(service)),
    ',"severity":', toJSONString(toString(severity)),
    ',"severity_number":', toString(severity_number),
    ',"body":', toJSONString(body),
    ',"trace_id":', concat('"', if(trace_id = toFixedString('', 16), '', lower(hex(trace_id))), '"'),
    ',"span_id":', concat('"', if(span_id = toFixedString('', 8), '', lower(hex(span_id))), '"'),
    ',"event_name":', toJSONString(toString(event_name)),
    ',"template_id":', concat('"', leftPad(lower(hex(template_id)), 16, '0'), '"'),
    ',"attributes":', _attributes,
    ',"resource":', if(resource = '', '{}', toString(resource)),
    ',"scope_name":', toJSONString(toString(scope_name)),
    ',"scope_version":', toJSONString(toString(scope_version)), '}')
FROM (
SELECT timestamp, observed_timestamp, service, severity, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND hasToken(skeleton, 'failed')
  AND NOT ifNull(hasToken(skeleton, 'retry'), 0)
ORDER BY timestamp DESC
LIMIT 101
UNION ALL
SELECT timestamp, observed_timestamp, service, severity, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed'))
  AND NOT ifNull((indexHint(has(tokens(lower(body)), 'retry')) AND hasToken(lower(body), 'retry')), 0)
ORDER BY timestamp DESC
LIMIT 101
)
ORDER BY timestamp DESC
LIMIT 101
SETTINGS use_top_k_dynamic_filtering = 0
