tenant = 'acme'
  AND hour >= 25
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND hour <= 70
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND ((skeleton != '' AND (service != '' AND service != 'secret') AND hasToken(skeleton, 'failed') AND ((mapContains(attributes_string, 'status') AND attributes_string['status'] = '500') OR `i_status` = 500)) OR (skeleton = '' AND (service != '' AND service != 'secret') AND hasToken(lower(body), 'failed') AND ((mapContains(attributes_string, 'status') AND attributes_string['status'] = '500') OR `i_status` = 500)))
