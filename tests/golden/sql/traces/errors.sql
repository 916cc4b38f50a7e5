SELECT s, o, y, substringUTF8(m, 1, 500) AS message, sum(w) AS n, min(t), max(t), lower(hex(argMax(trace_id, t))) FROM (
SELECT toString(service) AS s, toString(name) AS o, coalesce(nullIf(arrayFirst(x -> x != '', arrayMap(a -> JSONExtractString(a, 'exception.type'), events_attributes)), ''), substring(CAST(NULL, 'Nullable(String)'), 2), substring(CAST(NULL, 'Nullable(String)'), 2), substring(concat('i', toString(`i_http_response_status_code`)), 2), substring(CAST(NULL, 'Nullable(String)'), 2), substring(CAST(NULL, 'Nullable(String)'), 2), '') AS y, replaceRegexpAll(coalesce(nullIf(toString(status_message), ''), nullIf(arrayFirst(x -> x != '', arrayMap(a -> JSONExtractString(a, 'exception.message'), events_attributes)), ''), ''), '[0-9A-Za-z]*[0-9][0-9A-Za-z]*', '*') AS m, toUnixTimestamp64Nano(timestamp) AS t, trace_id, weight AS w
FROM nexus.spans
WHERE tenant = 'acme'
  AND status = 2
)
GROUP BY s, o, y, message
ORDER BY n DESC, s, o, y, message
LIMIT 100
