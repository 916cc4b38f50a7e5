SELECT series, times, values FROM nexus.metric_chunks WHERE tenant = 'it\'s' AND day BETWEEN toDate(20000) AND toDate(20001) AND metric IN ('up', 'a\'b') AND last >= 1728000000005 AND first <= 1728086400007;

SELECT series, times, values FROM nexus.metric_chunks WHERE tenant = 't' AND day BETWEEN toDate(0) AND toDate(0) AND metric IN ('up') AND series IN (unhex('000102030405060708090a0b0c0d0e0f'), unhex('0102030405060708090a0b0c0d0e0f10')) AND last >= 0 AND first <= 86399999;

SELECT series, times, values FROM nexus.metric_chunks WHERE tenant = 't' AND day BETWEEN toDate(0) AND toDate(0) AND series IN (SELECT toFixedString(substring(unhex('000000000000000000000000000000000101010101010101010101010101010102020202020202020202020202020202030303030303030303030303030303030404040404040404040404040404040405050505050505050505050505050505060606060606060606060606060606060707070707070707070707070707070708080808080808080808080808080808'), number * 16 + 1, 16), 16) FROM numbers(9)) AND last >= 0 AND first <= 86399999;

SELECT series, times, values FROM nexus.metric_chunks WHERE tenant = 'it\'s' AND day BETWEEN toDate(20000) AND toDate(20000) AND metric IN ('up', 'a\'b') AND ascii(substring(series, 1, 1)) % 3 = 0 AND last >= 1728000000005 AND first <= 1728086399999;

SELECT series, times, values FROM nexus.metric_chunks WHERE tenant = 'it\'s' AND day BETWEEN toDate(20000) AND toDate(20000) AND metric IN ('up', 'a\'b') AND ascii(substring(series, 1, 1)) % 3 = 1 AND last >= 1728000000005 AND first <= 1728086399999;

SELECT series, times, values FROM nexus.metric_chunks WHERE tenant = 'it\'s' AND day BETWEEN toDate(20000) AND toDate(20000) AND metric IN ('up', 'a\'b') AND ascii(substring(series, 1, 1)) % 3 = 2 AND last >= 1728000000005 AND first <= 1728086399999;

SELECT series, times, values FROM nexus.metric_chunks WHERE tenant = 'it\'s' AND day BETWEEN toDate(20001) AND toDate(20001) AND metric IN ('up', 'a\'b') AND ascii(substring(series, 1, 1)) % 3 = 0 AND last >= 1728086400000 AND first <= 1728086400007;

SELECT series, times, values FROM nexus.metric_chunks WHERE tenant = 'it\'s' AND day BETWEEN toDate(20001) AND toDate(20001) AND metric IN ('up', 'a\'b') AND ascii(substring(series, 1, 1)) % 3 = 1 AND last >= 1728086400000 AND first <= 1728086400007;

SELECT series, times, values FROM nexus.metric_chunks WHERE tenant = 'it\'s' AND day BETWEEN toDate(20001) AND toDate(20001) AND metric IN ('up', 'a\'b') AND ascii(substring(series, 1, 1)) % 3 = 2 AND last >= 1728086400000 AND first <= 1728086400007;

SELECT series, times, values FROM nexus.metric_rollups WHERE tenant = 't' AND day BETWEEN toDate(0) AND toDate(0) AND tier = 3600 AND metric IN ('up') AND last >= 0 AND first <= 86399999;

SELECT sum(samples) FROM nexus.metric_rollups WHERE tenant = 't' AND day BETWEEN toDate(0) AND toDate(0) AND tier = 300 AND metric IN ('up') AND last >= 0 AND first <= 86399999;

SELECT tenant, metric, series, time, value, labels FROM nexus.metric_exemplars WHERE tenant = 'it\'s' AND day BETWEEN toDate(20000) AND toDate(20001) AND metric IN ('up', 'a\'b') AND time BETWEEN 1728000000005 AND 1728086400007;
