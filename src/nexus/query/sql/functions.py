"""Functions that a user's SQL may call: pure ones whose cost grows with their input, and nothing that looks outside it.

Left out on purpose: whatever reads files, URLs, dictionaries, settings, other tables or the server's state (`file`, `url`,
`dictGet*`, `joinGet`, `getSetting`, `currentUser`, `hostName`, `version`, ...), waits or fails on demand (`sleep`,
`throwIf`), runs models, names other functions in strings (`arrayReduce`, `initializeAggregation`), reinterprets memory,
makes aggregation states, or turns a name into a table (`in` as a function). A test keeps the list true to the engine.
"""

from __future__ import annotations

import difflib
from typing import Final

_CONDITIONAL: Final = """
    and or not xor if multiIf coalesce ifNull nullIf isNull isNotNull isZeroOrNull assumeNotNull toNullable
    firstNonDefault greatest least clamp equals notEquals less lessOrEquals greater greaterOrEquals isDistinctFrom
    isNotDistinctFrom transform
"""
_ARITHMETIC: Final = """
    plus minus multiply divide divideOrNull intDiv intDivOrNull intDivOrZero modulo mod moduloOrZero moduloOrNull
    positiveModulo negate abs sign gcd lcm max2 min2 avg2 midpoint isFinite isInfinite isNaN ifNotFinite
    bitAnd bitOr bitXor bitNot bitShiftLeft bitShiftRight bitTest bitCount
    round roundBankers floor ceil ceiling trunc truncate roundDown roundToExp2 roundDuration roundAge
    exp exp2 exp10 log ln log2 log10 log1p sqrt cbrt pow power pi e sin cos tan asin acos atan atan2 sinh cosh tanh
    asinh acosh atanh hypot degrees radians erf erfc lgamma tgamma sigmoid factorial widthBucket rand rand64 randCanonical
    formatReadableSize formatReadableDecimalSize formatReadableQuantity formatReadableTimeDelta bar parseReadableSize
    parseReadableSizeOrNull parseReadableSizeOrZero
"""
_STRING: Final = """
    length lengthUTF8 char_length character_length octet_length empty notEmpty lower upper lcase ucase lowerUTF8 upperUTF8
    initcap initcapUTF8 caseFoldUTF8 reverse reverseUTF8 concat concat_ws concatWithSeparator substring substr mid
    substringUTF8 substringIndex substringIndexUTF8 left leftUTF8 right rightUTF8 leftPad leftPadUTF8 rightPad rightPadUTF8
    lpad rpad trim ltrim rtrim trimLeft trimRight trimBoth startsWith startsWithUTF8 startsWithCaseInsensitive endsWith
    endsWithUTF8 endsWithCaseInsensitive appendTrailingCharIfAbsent ascii char repeat space soundex format printf
    position positionCaseInsensitive positionUTF8 positionCaseInsensitiveUTF8 locate instr countSubstrings
    countSubstringsCaseInsensitive countSubstringsCaseInsensitiveUTF8 countMatches countMatchesCaseInsensitive
    like notLike ilike notILike match notMatch extract extractAll extractAllGroups extractAllGroupsHorizontal
    extractAllGroupsVertical extractGroups regexpExtract regexp_extract regexpQuoteMeta replace replaceOne replaceAll
    replaceRegexpOne replaceRegexpAll regexp_replace translate translateUTF8 overlay overlayUTF8
    multiSearchAny multiSearchAnyCaseInsensitive multiSearchAnyUTF8 multiSearchAnyCaseInsensitiveUTF8
    multiSearchFirstIndex multiSearchFirstPosition multiSearchAllPositions multiSearchFirstIndexCaseInsensitive
    multiSearchFirstPositionCaseInsensitive multiSearchAllPositionsCaseInsensitive
    hasToken hasTokenCaseInsensitive hasTokenOrNull hasTokenCaseInsensitiveOrNull hasSubsequence
    hasSubsequenceCaseInsensitive hasAnyTokens hasAllTokens hasPhrase tokens
    splitByChar splitByString splitByRegexp splitByWhitespace splitByNonAlpha alphaTokens arrayStringConcat ngrams
    ngramDistance ngramDistanceCaseInsensitive ngramSearch ngramSearchCaseInsensitive ngramDistanceUTF8 ngramSearchUTF8
    editDistance editDistanceUTF8 levenshteinDistance damerauLevenshteinDistance jaroSimilarity jaroWinklerSimilarity
    byteHammingDistance stringJaccardIndex stringBytesEntropy stringBytesUniq
    isValidUTF8 toValidUTF8 isValidASCII normalizeUTF8NFC normalizeUTF8NFD normalizeUTF8NFKC normalizeUTF8NFKD
    removeDiacriticsUTF8 naturalSortKey firstLine basename encodeXMLComponent decodeXMLComponent decodeHTMLComponent
    hex unhex bin unbin base64Encode base64Decode tryBase64Decode base64URLEncode base64URLDecode tryBase64URLDecode
    base58Encode base58Decode base32Encode base32Decode visibleWidth
"""
_DATE: Final = """
    now now64 today yesterday curdate current_timestamp toDate toDateOrNull toDateOrZero toDate32 toDateTime
    toDateTimeOrNull toDateTimeOrZero toDateTime32 toDateTime64 toDateTime64OrNull toDateTime64OrZero toTime
    toYear toQuarter toMonth toWeek toISOWeek toISOYear toYearWeek toDayOfYear toDayOfMonth toDayOfWeek toHour toMinute
    toSecond toMillisecond toMicrosecond toNanosecond year quarter month week day dayofmonth dayofweek dayofyear hour minute
    second toUnixTimestamp toUnixTimestamp64Second toUnixTimestamp64Milli toUnixTimestamp64Micro toUnixTimestamp64Nano
    fromUnixTimestamp fromUnixTimestamp64Second fromUnixTimestamp64Milli fromUnixTimestamp64Micro
    fromUnixTimestamp64Nano toStartOfYear toStartOfISOYear toStartOfQuarter toStartOfMonth toStartOfWeek toStartOfDay
    toStartOfHour toStartOfMinute toStartOfSecond toStartOfMillisecond toStartOfMicrosecond toStartOfNanosecond
    toStartOfFiveMinutes toStartOfTenMinutes toStartOfFifteenMinutes toStartOfInterval toLastDayOfMonth
    toLastDayOfWeek toMonday toDaysInMonth toRelativeYearNum toRelativeMonthNum toRelativeWeekNum toRelativeDayNum
    toRelativeHourNum toRelativeMinuteNum toRelativeSecondNum toYYYYMM toYYYYMMDD toYYYYMMDDhhmmss timeSlot
    addYears addQuarters addMonths addWeeks addDays addHours addMinutes addSeconds addMilliseconds addMicroseconds
    addNanoseconds addDate addInterval subtractYears subtractQuarters subtractMonths subtractWeeks subtractDays
    subtractHours subtractMinutes subtractSeconds subtractMilliseconds subtractMicroseconds subtractNanoseconds subDate
    subtractInterval dateDiff date_diff timestamp_diff age timeDiff dateTrunc date_trunc dateName monthName
    formatDateTime date_format formatDateTimeInJodaSyntax parseDateTime parseDateTimeOrNull parseDateTimeOrZero
    parseDateTimeInJodaSyntax parseDateTimeBestEffort parseDateTimeBestEffortOrNull parseDateTimeBestEffortOrZero
    parseDateTimeBestEffortUS parseDateTime64BestEffort parseDateTime64BestEffortOrNull parseDateTime64BestEffortOrZero
    toTimeZone timezoneOf timezoneOffset toUTCTimestamp fromUTCTimestamp makeDate makeDate32 makeDateTime makeDateTime64
    toIntervalNanosecond toIntervalMicrosecond toIntervalMillisecond toIntervalSecond toIntervalMinute toIntervalHour
    toIntervalDay toIntervalWeek toIntervalMonth toIntervalQuarter toIntervalYear
"""
_CONVERSION: Final = """
    cast accurateCastOrNull toString toStringCutToZero toFixedString toBool toLowCardinality
    toInt8 toInt16 toInt32 toInt64 toInt128 toInt256 toUInt8 toUInt16 toUInt32 toUInt64 toUInt128 toUInt256
    toInt8OrNull toInt16OrNull toInt32OrNull toInt64OrNull toInt128OrNull toUInt8OrNull toUInt16OrNull toUInt32OrNull
    toUInt64OrNull toUInt128OrNull toInt8OrZero toInt16OrZero toInt32OrZero toInt64OrZero toUInt8OrZero toUInt16OrZero
    toUInt32OrZero toUInt64OrZero toInt32OrDefault toInt64OrDefault toUInt32OrDefault toUInt64OrDefault
    toFloat32 toFloat64 toFloat32OrNull toFloat64OrNull toFloat32OrZero toFloat64OrZero toFloat64OrDefault
    toDecimal32 toDecimal64 toDecimal128 toDecimal32OrNull toDecimal64OrNull toDecimal128OrNull toDecimal32OrZero
    toDecimal64OrZero toDecimalString toUUID toUUIDOrNull toUUIDOrZero toTypeName toColumnTypeName identity materialize
    ignore
"""
_NESTED: Final = """
    array emptyArrayString emptyArrayUInt8 emptyArrayUInt64 emptyArrayInt64 emptyArrayFloat64 range arrayWithConstant
    has hasAll hasAny hasSubstr indexOf countEqual arrayElement arrayElementOrNull arrayMap arrayFilter arrayExists arrayAll
    arrayCount arraySum arrayAvg arrayMin arrayMax arrayProduct arrayFirst arrayFirstOrNull arrayFirstIndex arrayLast
    arrayLastOrNull arrayLastIndex arraySort arrayReverseSort arrayPartialSort arrayReverse arrayDistinct arrayUniq
    arrayConcat arraySlice arrayPushBack arrayPushFront arrayPopBack arrayPopFront arrayResize arrayCompact arrayFlatten
    flatten arrayZip arrayZipUnaligned arrayEnumerate arrayEnumerateUniq arrayEnumerateDense arrayDifference arrayCumSum
    arrayCumSumNonNegative arrayIntersect arrayUnion arrayExcept arraySymmetricDifference arrayJaccardIndex arrayFill
    arrayReverseFill arraySplit arrayReverseSplit arrayShiftLeft arrayShiftRight arrayRotateLeft arrayRotateRight
    arrayFold arrayShingles arrayJoin arrayDotProduct
    tuple tupleElement tupleConcat tupleNames tupleToNameValuePairs dotProduct
    map mapKeys mapValues mapContains mapContainsKey mapContainsValue mapContainsKeyLike mapExtractKeyLike mapFilter mapApply
    mapExists mapAll mapSort mapReverseSort mapFromArrays mapUpdate mapConcat mapAdd mapSubtract extractKeyValuePairs
    extractKeyValuePairsWithEscaping str_to_map
    JSONHas JSONLength JSONKey JSONType JSONExtract JSONExtractString JSONExtractRaw JSONExtractInt JSONExtractUInt
    JSONExtractFloat JSONExtractBool JSONExtractKeys JSONExtractKeysAndValues JSONExtractKeysAndValuesRaw
    JSONExtractArrayRaw JSON_VALUE JSON_QUERY JSON_EXISTS JSONArrayLength isValidJSON toJSONString simpleJSONHas
    simpleJSONExtractString simpleJSONExtractRaw simpleJSONExtractInt simpleJSONExtractUInt simpleJSONExtractFloat
    simpleJSONExtractBool visitParamHas visitParamExtractString visitParamExtractRaw visitParamExtractInt
    visitParamExtractUInt visitParamExtractFloat visitParamExtractBool
"""
_WEB: Final = """
    domain domainWithoutWWW topLevelDomain firstSignificantSubdomain cutToFirstSignificantSubdomain protocol port path
    pathFull queryString fragment queryStringAndFragment extractURLParameter extractURLParameters extractURLParameterNames
    URLHierarchy URLPathHierarchy decodeURLComponent encodeURLComponent decodeURLFormComponent encodeURLFormComponent
    netloc cutWWW cutQueryString cutFragment cutQueryStringAndFragment cutURLParameter
    IPv4NumToString IPv4StringToNum IPv4StringToNumOrNull IPv6NumToString IPv6StringToNum IPv6StringToNumOrNull
    IPv4CIDRToRange IPv6CIDRToRange toIPv4 toIPv4OrNull toIPv4OrDefault toIPv6 toIPv6OrNull toIPv6OrDefault IPv4ToIPv6
    isIPv4String isIPv6String isIPAddressInRange
"""
_HASH: Final = """
    cityHash64 sipHash64 sipHash128 xxHash32 xxHash64 xxh3 murmurHash2_32 murmurHash2_64 murmurHash3_32 murmurHash3_64
    farmHash64 metroHash64 intHash32 intHash64 halfMD5 MD5 SHA1 SHA224 SHA256 SHA512 CRC32 CRC64
"""
_AGGREGATE: Final = """
    count sum avg min max any anyLast any_value first_value last_value anyHeavy argMin argMax min_by max_by sumKahan
    sumWithOverflow sumCount avgWeighted uniq uniqExact uniqCombined uniqCombined64 uniqHLL12 uniqUpTo
    groupArray groupArrayLast groupArraySorted groupArraySample groupUniqArray groupConcat array_agg groupArrayMovingAvg
    groupArrayMovingSum groupBitAnd groupBitOr groupBitXor
    quantile quantiles quantileExact quantilesExact quantileExactLow quantileExactHigh quantileExactWeighted quantileTDigest
    quantilesTDigest quantileTDigestWeighted quantileTiming quantilesTiming quantileBFloat16 quantilesBFloat16
    quantileDeterministic quantilesDeterministic quantileDD quantilesDD quantileGK quantilesGK quantileInterpolatedWeighted
    median medianExact medianTDigest medianTiming medianDD
    stddevPop stddevSamp varPop varSamp stddevPopStable stddevSampStable varPopStable varSampStable stddev_pop stddev_samp
    var_pop var_samp stddev covarPop covarSamp corr corrStable skewPop skewSamp kurtPop kurtSamp entropy rankCorr cramersV
    theilsU contingency simpleLinearRegression
    topK topKWeighted approx_top_k approx_top_sum histogram deltaSum deltaSumTimestamp boundingRatio
    exponentialMovingAverage intervalLengthSum maxIntersections maxIntersectionsPosition singleValueOrNull
    sequenceMatch sequenceCount windowFunnel retention sparkbar
    studentTTest welchTTest mannWhitneyUTest kolmogorovSmirnovTest meanZTest
    exponentialTimeDecayedAvg exponentialTimeDecayedCount exponentialTimeDecayedMax exponentialTimeDecayedSum
"""
_WINDOW: Final = """
    row_number rank dense_rank denseRank percent_rank percentRank cume_dist ntile nth_value lag lead lagInFrame leadInFrame
    nonNegativeDerivative rowNumberInAllBlocks rowNumberInBlock
"""

_COMBINATORS: Final = ("If", "Array", "OrNull", "OrDefault", "Distinct", "ForEach", "Map", "ArgMin", "ArgMax")

AGGREGATES: Final = frozenset(_AGGREGATE.split())
"""Aggregate functions, without combinators."""

SCALARS: Final = frozenset(
    " ".join((_CONDITIONAL, _ARITHMETIC, _STRING, _DATE, _CONVERSION, _NESTED, _WEB, _HASH, _WINDOW)).split()
)
"""All other allowed functions; window functions are among them."""

_CANONICAL: Final = {name.lower(): name for name in SCALARS | AGGREGATES}


def canonical(name: str) -> str | None:
    """The engine's spelling of an allowed function, whatever the case of its name; None when it is not allowed.

    Aggregates may carry combinators: `countIf`, `quantileArrayIf`.
    """
    if found := _CANONICAL.get(name.lower()):
        return found
    parts = split_aggregate(name)
    return None if parts is None else parts[0] + "".join(parts[1])


def split_aggregate(name: str) -> tuple[str, tuple[str, ...]] | None:
    """An allowed aggregate function and its combinators, in the engine's spelling; None for anything else."""
    lowered = name.lower()
    suffixes: tuple[str, ...] = ()
    while True:
        found = _CANONICAL.get(lowered)
        if found in AGGREGATES:
            return found, suffixes
        combinator = next((c for c in _COMBINATORS if lowered.endswith(c.lower())), None)
        if combinator is None:
            return None
        suffixes = (combinator, *suffixes)
        lowered = lowered[: -len(combinator)]


def nearest(name: str) -> str | None:
    """The allowed function whose name is most like this one, if any is."""
    close = difflib.get_close_matches(name.lower(), _CANONICAL, n=1, cutoff=0.75)
    return _CANONICAL[close[0]] if close else None
