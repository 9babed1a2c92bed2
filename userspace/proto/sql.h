// What a statement does, without a literal of it: its command, and a summary of low cardinality as
// OpenTelemetry's `db.query.summary` has it ("SELECT users orders"). One pass from left to right
// over tokens, no grammar: whatever a client sends, only words of the language and names of tables
// come out.
#pragma once

#include "model/request.h"
#include "proto/parser.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace tailwhy {

enum class SqlDialect : std::uint8_t {
  PostgreSql,  ///< "name", $tag$text$tag$, E'\'', nested comments
  MySql,       ///< `name`, "text", 'a\'b', # comments, /*! statements */
  MySqlPlain,  ///< the same where a backslash is only that (sql_mode NO_BACKSLASH_ESCAPES)
};

struct SqlSummary {
  Method operation;  ///< "SELECT"; "_OTHER": no command that is known; empty: no statement
  Route text;        ///< "SELECT users orders"; the operation alone where no table is named
};

/// `whole`: false if `text` goes on: then a word at its end does not count, which may be half of
/// one.
[[nodiscard]] SqlSummary summarise_sql(std::string_view text,
                                       SqlDialect dialect,
                                       bool whole = true);

/// Adds what of `text` a recording must not hold: contents of strings and comments, numbers but for
/// their first digits. What is said of a byte depends only on those before it, and with them hidden
/// summarise_sql() says the same.
/// Offsets count from `base`.
void find_sql_secrets(std::string_view text,
                      SqlDialect dialect,
                      std::size_t base,
                      std::vector<SecretSpan>& secrets);

}  // namespace tailwhy
