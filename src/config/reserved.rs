//! Words that an engine reserves, which cannot be the name of a database or of a master user.
//!
//! RDS: "can't be a word reserved by the specified database engine", and for users "cannot be used as it is a reserved word used by
//! the engine" (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>).

/// The key words that PostgreSQL reserves, those of functions and types too
/// (<https://www.postgresql.org/docs/17/sql-keywords-appendix.html>).
const POSTGRES: &str = "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation \
    column concurrently constraint create cross current_catalog current_date current_role current_schema current_time current_timestamp \
    current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full grant group having ilike in \
    initially inner intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null offset \
    on only or order outer overlaps placing primary references returning right select session_user similar some symmetric system_user \
    table tablesample then to trailing true union unique user using variadic verbose when where window with";
/// Further words that RDS reserves, and names that a new PostgreSQL already has.
const POSTGRES_RDS: &str = "admin db public rdsadmin rdsrepladmin rdstopmgr rds_superuser rds_replication rds_password rds_iam rds_ad \
    template0 template1";
/// The key words that MySQL 8.4 reserves (<https://dev.mysql.com/doc/refman/8.4/en/keywords.html>).
const MYSQL: &str = "accessible add all alter analyze and as asc asensitive before between bigint binary blob both by call cascade case \
    change char character check collate column condition constraint continue convert create cross cube cume_dist current_date current_time \
    current_timestamp current_user cursor database databases day_hour day_microsecond day_minute day_second dec decimal declare default \
    delayed delete dense_rank desc describe deterministic distinct distinctrow div double drop dual each else elseif empty enclosed escaped \
    except exists exit explain false fetch first_value float float4 float8 for force foreign from fulltext function generated get grant \
    group grouping groups having high_priority hour_microsecond hour_minute hour_second if ignore in index infile inner inout insensitive \
    insert int int1 int2 int3 int4 int8 integer intersect interval into io_after_gtids io_before_gtids is iterate join json_table key keys \
    kill lag last_value lateral lead leading leave left like limit linear lines load localtime localtimestamp lock long longblob longtext \
    loop low_priority manual master_bind master_ssl_verify_server_cert match maxvalue mediumblob mediumint mediumtext middleint \
    minute_microsecond minute_second mod modifies natural not no_write_to_binlog nth_value ntile null numeric of on optimize \
    optimizer_costs option optionally or order out outer outfile over parallel partition percent_rank precision primary procedure purge \
    qualify range rank read reads read_write real recursive references regexp release rename repeat replace require resignal restrict \
    return revoke right rlike row rows row_number schema schemas second_microsecond select sensitive separator set show signal smallint \
    spatial specific sql sqlexception sqlstate sqlwarning sql_big_result sql_calc_found_rows sql_small_result ssl starting stored \
    straight_join system table tablesample terminated then tinyblob tinyint tinytext to trailing trigger true undo union unique unlock \
    unsigned update usage use using utc_date utc_time utc_timestamp values varbinary varchar varcharacter varying virtual when where while \
    window with write xor year_month zerofill";
/// Words that only MariaDB reserves (<https://mariadb.com/kb/en/reserved-words/>).
const MARIADB: &str = "current_role delete_domain_id do_domain_ids general ignore_domain_ids ignore_server_ids master_heartbeat_period \
    offset page_checksum parse_vcol_expr ref_system_id returning slow stats_auto_recalc stats_persistent stats_sample_pages";
/// Further words that RDS reserves, and names that a new MySQL or MariaDB already has.
const MYSQL_RDS: &str = "rdsadmin rdsrepladmin root mysql sys innodb information_schema performance_schema";

/// Checks whether the engine reserves the word.
pub fn is_reserved(engine: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    let is = |words: &str| words.split_ascii_whitespace().any(|one| one == word);
    match engine {
        "postgres" => is(POSTGRES) || is(POSTGRES_RDS) || word.starts_with("pg_"),
        "mysql" => is(MYSQL) || is(MYSQL_RDS),
        "mariadb" => is(MYSQL) || is(MARIADB) || is(MYSQL_RDS),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_reserved;

    #[test]
    fn words_are_reserved_by_engine() {
        for word in ["user", "ORDER", "db", "pg_app", "rdsadmin", "select", "admin"] {
            assert!(is_reserved("postgres", word), "{word}");
        }
        for word in ["order", "rank", "root", "mysql", "Groups", "system"] {
            assert!(is_reserved("mysql", word) && is_reserved("mariadb", word), "{word}");
        }
        assert!(is_reserved("mariadb", "returning") && !is_reserved("mysql", "returning"));
        for word in ["app", "owner", "shop", "webapp", "main", "users", "orders", "postgres"] {
            assert!(["postgres", "mysql", "mariadb"].iter().all(|engine| !is_reserved(engine, word)), "{word}");
        }
        // MySQL has none of PostgreSQL's.
        assert!(!is_reserved("mysql", "pg_app") && !is_reserved("mysql", "user") && !is_reserved("oracle", "user"));
    }
}
