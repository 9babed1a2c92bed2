// Statements into commands and tables, and never a literal.
#include "proto/sql.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;

namespace {

std::string summary(std::string_view sql, SqlDialect dialect = SqlDialect::PostgreSql) {
  return std::string(summarise_sql(sql, dialect).text.view());
}
std::string my(std::string_view sql) {
  return summary(sql, SqlDialect::MySql);
}

// As a recording keeps it.
std::string masked(std::string text, SqlDialect dialect) {
  std::vector<SecretSpan> secrets;
  find_sql_secrets(text, dialect, 0, secrets);
  for (const SecretSpan& s : secrets) {
    REQUIRE(s.offset + s.size <= text.size());
    text.replace(s.offset, s.size, s.size, 'x');
  }
  return text;
}

const std::string kHard[] = {
    "SELECT 'it''s CANARY', \"na\"\"me\", 12.5e3 FROM a.b, c AS d WHERE x = $1 -- CANARY\n AND y = "
    "2",
    "INSERT INTO t VALUES (E'a\\'CANARY', 'b\\'), '/* no */', 0xCANARY)",
    "/* CANARY /* CANARY */ * / CANARY */ UPDATE t SET a = $$CANARY$$ WHERE b = 'CANARY'",
    "SELECT $tag$CANARY$tag$ FROM hidden",
    "SELECT `a`, \"CANARY\", 'a\\'CANARY' FROM `t` # CANARY\n JOIN u",
    "SELECT \xc3\xa4\xc3\xb6 FROM 10, 'CANARY', t",
    "SELECT 1/2*3 FROM t /**/ , /***/ u /* unfinished CANARY",
    "SELECT 'unfinished CANARY",
    "SELECT 5--1, 'CANARY' FROM t -- CANARY\n, u --\tCANARY",
    "/*!40101 SELECT */ 'CANARY' /*M!100100 FROM t */ /*Maybe CANARY*/ , u /*! , `v` /*CANARY*/ */",
    "/*!999999912345 SELECT 1 */ /*M",
    "WITH w AS (SELECT 'CANARY' FROM inner1) INSERT INTO outer1 SELECT * FROM w",
};

}  // namespace

TEST_CASE("sql: commands and tables", "[proto][sql]") {
  CHECK(summary("SELECT * FROM users WHERE id = 42") == "SELECT users");
  CHECK(summary("select name from Users u join orders o on u.id = o.user") ==
        "SELECT Users orders");
  CHECK(summary("SELECT a FROM x, y AS b, z c WHERE d IN (1, 2)") == "SELECT x y z");
  CHECK(summary("SELECT a FROM x WHERE f(b, c) > 1") == "SELECT x");
  CHECK(summary("SELECT * FROM (SELECT * FROM deep) AS s") == "SELECT deep");
  CHECK(summary("SELECT 1") == "SELECT");
  CHECK(summary("INSERT INTO shop.carts (a, b) VALUES (1, 'x')") == "INSERT carts");
  CHECK(summary("UPDATE ONLY accounts SET balance = balance + 10") == "UPDATE accounts");
  CHECK(summary("DELETE FROM \"Sessions\" WHERE token = 'secret'") == "DELETE Sessions");
  CHECK(summary("CREATE TABLE IF NOT EXISTS t (a int)") == "CREATE t");
  CHECK(summary("DROP TABLE t") == "DROP t");
  CHECK(summary("TRUNCATE TABLE t") == "TRUNCATE t");
  CHECK(summary("COPY t FROM STDIN") == "COPY t");
  CHECK(summary("BEGIN") == "BEGIN");
  CHECK(summary("WITH w AS (SELECT 1 FROM a) DELETE FROM b") == "DELETE b");
  CHECK(summary("  -- a comment\n /* and */ select 2") == "SELECT");
  CHECK(summary("FROBNICATE the thing") == "_OTHER");
  CHECK(summary("") == "");
  CHECK(summary("; ;") == "");
  CHECK(summary("SELECT * FROM a, a, a JOIN a") == "SELECT a");
  CHECK(my("SELECT * FROM `order lines` JOIN `b`") == "SELECT b");
  CHECK(my("SELECT \"FROM secret\" FROM t") == "SELECT t");
  CHECK(my("REPLACE INTO t VALUES (1)") == "REPLACE t");
  CHECK(my("INSERT IGNORE INTO t VALUES (1)") == "INSERT t");
  CHECK(my("INSERT t VALUES (1) ON DUPLICATE KEY UPDATE v = 2") == "INSERT t");
  CHECK(my("INSERT INTO t SELECT a FROM u ON DUPLICATE KEY UPDATE v = 2") == "INSERT t u");
  CHECK(summary("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2") == "INSERT t");
  CHECK(summary("SELECT a FROM t FOR UPDATE SKIP LOCKED") == "SELECT t");
  CHECK(my("LOAD DATA LOCAL INFILE 'CANARY' IGNORE INTO TABLE d.t FIELDS") == "LOAD t");
  CHECK(my("/*!40000 ALTER TABLE `t` DISABLE KEYS */") == "ALTER t");
  CHECK(my("/*M!100100 SET NAMES utf8 */;") == "SET");
  CHECK(my("/* /*! */ SELECT 5--1 FROM t") == "SELECT t");
  CHECK(my("SELECT 5 -- FROM u\n FROM t") == "SELECT t");
  CHECK(my("--\nSELECT 1 FROM t") == "SELECT t");
  CHECK(my("FLUSH TABLES") == "FLUSH");
  CHECK(summary("FLUSH TABLES") == "_OTHER");
}

TEST_CASE("sql: a backslash may be only that", "[proto][sql]") {
  const std::string path = "SELECT * FROM t WHERE path = 'c:\\\\' AND name = 'CANARY'";
  CHECK(masked(path, SqlDialect::MySqlPlain).find("CANARY") == std::string::npos);
  const std::string odd = "SELECT * FROM t WHERE path = 'c:\\' AND name IN ('CANARY', 'CANARY')";
  CHECK(masked(odd, SqlDialect::MySqlPlain).find("CANARY") == std::string::npos);
  const std::string quote = "SELECT * FROM t WHERE name = 'it\\'s CANARY'";
  CHECK(masked(quote, SqlDialect::MySql).find("CANARY") == std::string::npos);
}

TEST_CASE("sql: of a statement that goes on, the last word may be half of one", "[proto][sql]") {
  const auto cut = [](std::string_view sql) {
    return std::string(summarise_sql(sql, SqlDialect::PostgreSql, false).text.view());
  };
  CHECK(cut("SELECT * FROM users") == "SELECT");
  CHECK(cut("SELECT * FROM users ") == "SELECT users");
  CHECK(cut("SEL") == "");
}

TEST_CASE("sql: what is not plain is no table", "[proto][sql]") {
  CHECK(summary("SELECT * FROM \"a b\", \"x'y\", \"1\"") == "SELECT");
  CHECK(summary("SELECT * FROM generate_series(1, 10)") == "SELECT generate_series");
  CHECK(summary("SELECT * FROM 'text'") == "SELECT");
  CHECK(summary("SELECT * FROM " + std::string(64, 'a')) == "SELECT");
  const std::string names = "SELECT * FROM " + std::string(60, 'a') + ", " + std::string(60, 'b') +
                            ", " + std::string(60, 'c');
  CHECK(summary(names).size() == 6 + 61 + 61);
  CHECK_FALSE(summarise_sql(names, SqlDialect::PostgreSql).text.truncated());
}

TEST_CASE("sql: what is hidden says the same, decided byte by byte", "[proto][sql]") {
  for (const SqlDialect dialect :
       {SqlDialect::PostgreSql, SqlDialect::MySql, SqlDialect::MySqlPlain}) {
    for (const std::string& text : kHard) {
      const std::string whole = masked(text, dialect);
      CAPTURE(text, whole);
      CHECK(summary(whole, dialect) == summary(text, dialect));
      // The dialects differ in what these are.
      const std::string_view only = dialect == SqlDialect::PostgreSql ? "`#" : "$";
      const bool foreign =
          text.find_first_of(only) != std::string::npos ||
          (dialect == SqlDialect::MySqlPlain && text.find('\\') != std::string::npos) ||
          (dialect != SqlDialect::PostgreSql && text.find("/* CANARY /*") == 0);
      if (!foreign) CHECK(whole.find("CANARY") == std::string::npos);
      std::string piecewise;
      for (std::size_t size = 1; size <= text.size(); ++size)
        piecewise += masked(text.substr(0, size), dialect).back();
      CHECK(piecewise == whole);
    }
  }
}

TEST_CASE("sql: hostile text takes linear time and says nothing", "[proto][sql]") {
  for (const std::string& piece : {std::string("/*"), std::string("("), std::string("'"),
                                   std::string("FROM "), std::string(","), std::string("$")}) {
    std::string text = "SELECT ";
    for (int i = 0; i < 100'000; ++i)
      text += piece;
    CHECK(summary(text).size() < 200);
    CHECK(my(text).size() < 200);
  }
}
