//! Access logs: the files in buckets to which load balancers and distributions write each request.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::objects;
use crate::aws::Cx;
use crate::engine::{Class, Error, Result};

/// The number of files that are read at once.
const AT_ONCE: usize = 8;

/// Who writes the files, which decides their names and lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writer {
    /// A load balancer
    /// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html>).
    LoadBalancer,
    /// The distribution with this identifier
    /// (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html>).
    Distribution(String),
}

/// Where files with requests are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// What the keys start with.
    pub prefix: String,
    /// Who writes them.
    pub writer: Writer,
}

/// A request, as its line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it was answered, in milliseconds since 1970.
    pub at: i64,
    /// The key of the file.
    pub file: String,
    /// The line.
    pub line: String,
}

impl Place {
    /// Returns what the keys of a day's files start with.
    fn day(&self, cx: &Cx, day: Date) -> String {
        let (prefix, scope) = (&self.prefix, &cx.scope);
        match &self.writer {
            Writer::LoadBalancer => {
                let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
                let day = day.strftime("%Y/%m/%d");
                format!("{prefix}{slash}AWSLogs/{}/elasticloadbalancing/{}/{day}/", scope.account, scope.region)
            }
            Writer::Distribution(id) => format!("{prefix}{id}.{}", day.strftime("%Y-%m-%d")),
        }
    }

    /// Returns the period that a file is of, by its key, in a form that sorts.
    fn period<'a>(&self, key: &'a str) -> &'a str {
        let name = key.rsplit('/').next().unwrap_or(key);
        let found = match self.writer {
            // `ACCOUNT_elasticloadbalancing_REGION_app.NAME.ID_20140215T2340Z_172.160.001.192_20sg8hgm.log.gz`
            Writer::LoadBalancer => name.split('_').find(|part| part.len() == 14 && part.ends_with('Z') && part.contains('T')),
            // `ID.2019-11-14-20.RT4KCN4SGK9.gz`
            Writer::Distribution(_) => name.split('.').nth(1),
        };
        found.unwrap_or(name)
    }

    /// Returns when the request of a line was answered, in milliseconds since 1970; none for what is no request.
    fn time(&self, line: &str) -> Option<i64> {
        match self.writer {
            Writer::LoadBalancer => Some(line.split(' ').nth(1)?.parse::<Timestamp>().ok()?.as_millisecond()),
            Writer::Distribution(_) => {
                let (day, rest) = line.split_once('\t').filter(|(day, _)| !day.starts_with('#'))?;
                let at: DateTime = format!("{day}T{}", rest.split('\t').next()?).parse().ok()?;
                Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
            }
        }
    }

    /// Returns the requests in a file, in the order of its lines.
    fn requests(&self, file: &str, content: &str) -> Vec<Request> {
        let request = |line: &str| Some(Request { at: self.time(line)?, file: file.to_owned(), line: line.to_owned() });
        content.lines().filter_map(request).collect()
    }
}

/// Returns the days from one time to another, and the one after if it is not after `today`: a file can be of the day before. Times are in
/// milliseconds since 1970.
fn days(from: i64, to: i64, today: Date) -> Vec<Date> {
    let date = |at: i64| Timestamp::from_millisecond(at).map(|at| at.to_zoned(TimeZone::UTC).date());
    let (Ok(first), Ok(last)) = (date(from), date(to)) else { return Vec::new() };
    let end = last.checked_add(1.day()).unwrap_or(last).min(today);
    first.series(1.day()).take_while(|day| *day <= end).collect()
}

/// Returns the files that can have requests from one time to another, both in milliseconds since 1970, by the period that they are of.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn files(cx: &Cx, place: &Place, from: i64, to: i64) -> Result<BTreeMap<String, Vec<String>>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    for day in days(from, to, today) {
        for (key, listed) in objects::list(cx, &place.bucket, &place.day(cx, day)).await? {
            // A file is written after the requests in it were answered.
            if listed.written.saturating_mul(1000).saturating_add(999) >= from {
                out.entry(place.period(&key).to_owned()).or_default().push(key);
            }
        }
    }
    Ok(out)
}

/// Reads files, and returns the requests in them by their times.
///
/// # Errors
/// When S3 cannot be asked, or refuses, and for a file that is not compressed as AWS compresses them.
pub async fn read(cx: &Cx, place: &Place, files: &[String]) -> Result<Vec<Request>> {
    let reading = stream::iter(files).map(|key| async move {
        let content = unpacked(&objects::bytes(cx, &place.bucket, key).await?)
            .map_err(|e| Error::new(Class::Invalid, format!("`s3://{}/{key}` cannot be read: {e}", place.bucket)))?;
        Result::Ok(place.requests(key, &content))
    });
    let mut requests: Vec<Request> = reading.buffered(AT_ONCE).try_collect::<Vec<_>>().await?.into_iter().flatten().collect();
    requests.sort_by_key(|request| request.at);
    Ok(requests)
}

/// Returns the text in a compressed file; nothing of a file that was deleted meanwhile, which is empty here.
fn unpacked(bytes: &[u8]) -> std::io::Result<String> {
    let mut content = Vec::new();
    if !bytes.is_empty() {
        MultiGzDecoder::new(bytes).read_to_end(&mut content)?;
    }
    Ok(String::from_utf8_lossy(&content).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(writer: Writer) -> Place {
        Place { bucket: "logs".into(), prefix: "alb".into(), writer }
    }

    #[test]
    fn a_file_is_of_the_period_in_its_name() {
        let balancer = "alb/AWSLogs/123456789012/elasticloadbalancing/us-east-2/2026/11/29/123456789012_elasticloadbalancing_us-east-2_app.shop.1234567890abcdef_20261129T2340Z_172.160.001.192_20sg8hgm.log.gz";
        assert_eq!(place(Writer::LoadBalancer).period(balancer), "20261129T2340Z");
        let distribution = "cdn/EMLARXS9EXAMPLE.2026-11-29-20.RT4KCN4SGK9.gz";
        assert_eq!(place(Writer::Distribution("EMLARXS9EXAMPLE".into())).period(distribution), "2026-11-29-20");
        assert_eq!(place(Writer::LoadBalancer).period("alb/ELBAccessLogTestFile"), "ELBAccessLogTestFile");
    }

    #[test]
    fn lines_have_the_time_of_their_request() {
        let balancer = r#"http 2026-11-29T22:23:00.186641Z app/shop/1 192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://shop:80/ HTTP/1.1""#;
        assert_eq!(place(Writer::LoadBalancer).time(balancer), Some(1_795_990_980_186));
        assert_eq!(place(Writer::LoadBalancer).time("Enable AccessLog for ELB"), None);
        let content = "#Version: 1.0\n#Fields: date time x-edge-location\n2026-11-29\t22:23:00\tLAX1\t2390282\n";
        let found = place(Writer::Distribution("E1".into())).requests("f", content);
        assert_eq!(
            found.iter().map(|request| (request.at, request.line.as_str())).collect::<Vec<_>>(),
            [(1_795_990_980_000, "2026-11-29\t22:23:00\tLAX1\t2390282")]
        );
    }

    #[test]
    fn the_day_after_is_looked_at_too() {
        let (day, far) = (86_400_000, Date::constant(2000, 1, 1));
        let of = |from, to, today| days(from, to, today).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of(0, 1, far), ["1970-01-01", "1970-01-02"]);
        assert_eq!(of(day - 1, day, far), ["1970-01-01", "1970-01-02", "1970-01-03"]);
        assert_eq!(of(day - 1, day, Date::constant(1970, 1, 2)), ["1970-01-01", "1970-01-02"]);
    }

    #[test]
    fn what_is_not_compressed_is_an_error() {
        assert_eq!(unpacked(&[]).unwrap(), "");
        assert!(unpacked(b"GET /").is_err());
    }
}
