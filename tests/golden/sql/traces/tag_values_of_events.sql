SELECT toString(g) AS k, sum(w) AS n FROM (
SELECT arrayJoin(arrayConcat(arrayFilter(x -> x != '', arrayMap((_ea) -> if(position(_ea, '"exception.type"') > 0 AND startsWith(JSON_QUERY(_ea, '$."exception.type"'), '["'), concat('s', JSONExtractString(JSON_QUERY(_ea, '$."exception.type"'), 1)), ''), events_attributes)), arrayFilter(x -> x != '', arrayMap((_ea) -> if(position(_ea, '"exception.type"') > 0 AND match(JSON_QUERY(_ea, '$."exception.type"'), '^\\[-?[0-9]+\\]$'), concat('i', toString(JSONExtractInt(JSON_QUERY(_ea, '$."exception.type"'), 1))), ''), events_attributes)), arrayFilter(x -> x != '', arrayMap((_ea) -> if(position(_ea, '"exception.type"') > 0 AND match(JSON_QUERY(_ea, '$."exception.type"'), '^\\[-?[0-9]+[.eE]'), concat('f', toString(JSONExtractFloat(JSON_QUERY(_ea, '$."exception.type"'), 1))), ''), events_attributes)), arrayFilter(x -> x != '', arrayMap((_ea) -> if(position(_ea, '"exception.type"') > 0 AND JSON_QUERY(_ea, '$."exception.type"') IN ('[true]', '[false]'), if((JSON_QUERY(_ea, '$."exception.type"') = '[true]'), 'btrue', 'bfalse'), ''), events_attributes)), arrayFilter(x -> x != '', arrayMap((_ea) -> if(position(_ea, '"exception.type"') > 0 AND match(JSON_QUERY(_ea, '$."exception.type"'), '^\\[[\\[{]'), concat('s', substring(JSON_QUERY(_ea, '$."exception.type"'), 2, length(JSON_QUERY(_ea, '$."exception.type"')) - 2)), ''), events_attributes)))) AS g, sum(weight) AS w
FROM nexus.spans
WHERE tenant = 'acme'
GROUP BY g
)
GROUP BY k
HAVING isNotNull(k)
ORDER BY n DESC, k
LIMIT 1000
