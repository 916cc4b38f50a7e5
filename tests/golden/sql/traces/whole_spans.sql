SELECT trace_id, span_id, parent_span_id, trace_state, flags, name, kind, timestamp, duration, status, status_message, service, resource, scope_name, scope_version, scope_attributes, dropped_attributes, dropped_events, dropped_links, events_timestamp, events_name, events_attributes, links_trace_id, links_span_id, links_trace_state, links_attributes, weight, attributes_int, `s_http_route`, `i_http_response_status_code`, `s_user_id`
FROM nexus.spans
WHERE tenant = 'acme'
  AND trace_id IN (unhex('000102030405060708090a0b0c0d0e0f'))
;
SELECT trace_id, span_id, parent_span_id, trace_state, flags, name, kind, timestamp, duration, status, status_message, service, resource, scope_name, scope_version, scope_attributes, dropped_attributes, dropped_events, dropped_links, events_timestamp, events_name, events_attributes, links_trace_id, links_span_id, links_trace_state, links_attributes, weight, attributes_int, `s_http_route`, `i_http_response_status_code`, `s_user_id`
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND (trace_id, span_id) IN (SELECT toFixedString(substring(x, 1, 16), 16), toFixedString(substring(x, 17, 8), 8) FROM (SELECT arrayJoin(arrayMap(i -> substring(base64Decode('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v'), 1 + 24 * i, 24), range(2))) AS x))
UNION ALL
SELECT trace_id, span_id, parent_span_id, trace_state, flags, name, kind, timestamp, duration, status, status_message, service, resource, scope_name, scope_version, scope_attributes, dropped_attributes, dropped_events, dropped_links, events_timestamp, events_name, events_attributes, links_trace_id, links_span_id, links_trace_state, links_attributes, weight, attributes_int, `s_http_route`, `i_http_response_status_code`, `s_user_id`
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND (trace_id, span_id) IN (SELECT toFixedString(substring(x, 1, 16), 16), toFixedString(substring(x, 17, 8), 8) FROM (SELECT arrayJoin(arrayMap(i -> substring(base64Decode('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v'), 1 + 24 * i, 24), range(2))) AS x))
UNION ALL
SELECT trace_id, span_id, parent_span_id, trace_state, flags, name, kind, timestamp, duration, status, status_message, service, resource, scope_name, scope_version, scope_attributes, dropped_attributes, dropped_events, dropped_links, events_timestamp, events_name, events_attributes, links_trace_id, links_span_id, links_trace_state, links_attributes, weight, attributes_int, `s_http_route`, `i_http_response_status_code`, `s_user_id`
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND (trace_id, span_id) IN (SELECT toFixedString(substring(x, 1, 16), 16), toFixedString(substring(x, 17, 8), 8) FROM (SELECT arrayJoin(arrayMap(i -> substring(base64Decode('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v'), 1 + 24 * i, 24), range(2))) AS x))
