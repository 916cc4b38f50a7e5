SELECT * FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM (SELECT `timestamp`, `observed_timestamp`, `severity`, `severity_number`, `service`, `body`, `event_name`, `scope_name`, `scope_version`, _m0 AS `trace_id`, `span_id`, `skeleton`, `template_id`, _m1 AS `resource`, `attributes_string`, `attributes_int`, `s_http_route`, `i_status`, `f_duration` FROM (SELECT `timestamp`, `observed_timestamp`, `severity`, `severity_number`, `service`, `body`, `event_name`, `scope_name`, `scope_version`, toFixedString('', 16) AS _m0, `span_id`, `skeleton`, `template_id`, CAST(if(match(replaceRegexpAll(resource, '"host\\.name":(?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[{,}\\]]+|[\\[{](?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[\\]{}])*[\\]}])', '"host.name":"***"'), '(?:"host\\.name"):[\\[{]'), '{"host.name":"***"}', replaceRegexpAll(resource, '"host\\.name":(?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[{,}\\]]+|[\\[{](?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[\\]{}])*[\\]}])', '"host.name":"***"')), 'LowCardinality(String)') AS _m1, `attributes_string`, `attributes_int`, `s_http_route`, `i_status`, `f_duration` FROM nexus.logs WHERE tenant = 'acme' AND skeleton != '' AND (indexHint(has(tokens(skeleton), 'timeout')) AND hasToken(skeleton, 'timeout'))))
WHERE (indexHint(has(tokens(skeleton), 'failed')) AND hasToken(skeleton, 'failed'))
ORDER BY timestamp DESC
LIMIT 101
UNION ALL
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM (SELECT `timestamp`, `observed_timestamp`, `severity`, `severity_number`, `service`, `body`, `event_name`, `scope_name`, `scope_version`, _m0 AS `trace_id`, `span_id`, `template_id`, _m1 AS `resource`, `attributes_string`, `attributes_int`, `s_http_route`, `i_status`, `f_duration` FROM (SELECT `timestamp`, `observed_timestamp`, `severity`, `severity_number`, `service`, `body`, `event_name`, `scope_name`, `scope_version`, toFixedString('', 16) AS _m0, `span_id`, `template_id`, CAST(if(match(replaceRegexpAll(resource, '"host\\.name":(?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[{,}\\]]+|[\\[{](?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[\\]{}])*[\\]}])', '"host.name":"***"'), '(?:"host\\.name"):[\\[{]'), '{"host.name":"***"}', replaceRegexpAll(resource, '"host\\.name":(?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[{,}\\]]+|[\\[{](?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[\\]{}])*[\\]}])', '"host.name":"***"')), 'LowCardinality(String)') AS _m1, `attributes_string`, `attributes_int`, `s_http_route`, `i_status`, `f_duration` FROM nexus.logs WHERE tenant = 'acme' AND skeleton = '' AND (indexHint(has(tokens(lower(body)), 'timeout')) AND hasToken(lower(body), 'timeout'))))
WHERE (indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed'))
ORDER BY timestamp DESC
LIMIT 101
)
ORDER BY timestamp DESC
LIMIT 101
SETTINGS use_top_k_dynamic_filtering = 0
