//! Days of the proleptic Gregorian calendar, counted from 1970-01-01.
//!
//! Source: <https://howardhinnant.github.io/date_algorithms.html>.

/// Year, month and day of the month of a day.
pub fn date_of(day: i64) -> (i64, i64, i64) {
    // Days from 1 March of year 0, in which leap days are the last of their cycles.
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, date)
}

/// The day of a date.
pub fn day_of_date(year: i64, month: i64, date: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

/// Days of a month, from 1.
pub fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut date) = date_of(-800_000);
        for day in -800_000..800_000 {
            assert_eq!((date_of(day), day_of_date(year, month, date)), ((year, month, date), day));
            date += 1;
            if date > days_of_month(year, month) {
                (month, date) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((date_of(0), date_of(11_016), date_of(20_453)), ((1970, 1, 1), (2000, 2, 29), (2025, 12, 31)));
    }
}
