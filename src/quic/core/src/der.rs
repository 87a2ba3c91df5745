//! As much of DER (X.690) and X.509 (RFC 5280, section 4.1) as it takes to see the dates of a certificate and whether it
//! was issued by its own subject.

/// What [`read`] finds.
pub struct Dates {
    /// Seconds since 1970.
    pub not_before: u64,
    pub not_after: u64,
    pub self_issued: bool,
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// None where it is not a certificate.
pub fn read(certificate: &[u8]) -> Option<Dates> {
    let mut outer = certificate;
    let mut whole = expect(&mut outer, SEQUENCE)?;
    let mut tbs = expect(&mut whole, SEQUENCE)?;
    if tbs.first() == Some(&VERSION) {
        element(&mut tbs)?;
    }
    element(&mut tbs)?; // serial number
    element(&mut tbs)?; // signature algorithm
    let issuer = expect(&mut tbs, SEQUENCE)?;
    let mut validity = expect(&mut tbs, SEQUENCE)?;
    let subject = expect(&mut tbs, SEQUENCE)?;
    Some(Dates { not_before: time(&mut validity)?, not_after: time(&mut validity)?, self_issued: issuer == subject })
}

fn expect<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (found, content) = element(input)?;
    (found == tag).then_some(content)
}

/// The next tag and its content.
fn element<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let octets = usize::from(first & 0x7f);
        if octets == 0 || octets > 3 || octets > rest.len() {
            return None;
        }
        let (size, after) = rest.split_at(octets);
        rest = after;
        size.iter().fold(0, |sum, &octet| sum << 8 | usize::from(octet))
    };
    if length > rest.len() {
        return None;
    }
    let (content, after) = rest.split_at(length);
    *input = after;
    Some((tag, content))
}

/// UTCTime or GeneralizedTime, to the second and in UTC, as RFC 5280, section 4.1.2.5, demands.
fn time(input: &mut &[u8]) -> Option<u64> {
    let (tag, text) = element(input)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest): (u64, &str) = match tag {
        UTC_TIME if text.len() == 12 => {
            let short: u64 = digits(text.get(..2)?)?;
            (if short < 50 { 2000 + short } else { 1900 + short }, text.get(2..)?)
        }
        GENERALIZED_TIME if text.len() == 14 => (digits(text.get(..4)?)?, text.get(4..)?),
        _ => return None,
    };
    let part = |at: usize| digits(rest.get(at..at + 2)?);
    let (month, day) = (part(0)?, part(2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
        return Some(0);
    }
    Some(days(year, month, day) * 86_400 + part(4)? * 3600 + part(6)? * 60 + part(8)?)
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Days from 1970-01-01 to a date of the Gregorian calendar that is not before it.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // Counted from March, so that the leap day is the last of its year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_days() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 2, 29), 11_016);
        assert_eq!(days(2000, 3, 1), 11_017);
        assert_eq!(days(2100, 3, 1), 47_541);
    }

    #[test]
    fn reads_both_kinds_of_time() {
        assert_eq!(time(&mut &b"\x17\x0d700101000001Z"[..]), Some(1));
        assert_eq!(time(&mut &b"\x18\x0f20380119031408Z"[..]), Some(1 << 31));
        assert_eq!(time(&mut &b"\x17\x0d7001010000+1Z"[..]), None);
        assert_eq!(time(&mut &b"\x17\x0b7001010000Z"[..]), None);
    }

    #[test]
    fn takes_nothing_that_is_cut_short() {
        let certificate = include_bytes!("../tests/leaf.der");
        assert!(read(certificate).is_some_and(|dates| dates.not_before < dates.not_after && dates.self_issued));
        for length in 0..certificate.len() {
            let _ = read(&certificate[..length]);
        }
        assert!(read(&certificate[..40]).is_none());
    }
}
