#include "proto/sql.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace tailwhy {
namespace {

constexpr std::size_t kMostTables = 4;
constexpr std::size_t kMostName = 63;  // of an identifier in PostgreSQL
constexpr std::size_t kMostSummary = 160;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_blank(char c) {
  return static_cast<unsigned char>(c) <= ' ';
}
bool begins_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool in_word(char c) {
  return begins_word(c) || is_digit(c) || c == '$';
}
char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
bool is_word(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                    [](char a, char b) { return upper(a) == b; });
}

// Commands, as statements begin with them.
constexpr std::array<std::string_view, 47> kCommands = {
    "ALTER",   "ANALYZE", "BEGIN",   "CALL",       "CHECKPOINT", "CLOSE",  "CLUSTER",  "COMMENT",
    "COMMIT",  "COPY",    "CREATE",  "DEALLOCATE", "DECLARE",    "DELETE", "DESCRIBE", "DISCARD",
    "DO",      "DROP",    "END",     "EXECUTE",    "EXPLAIN",    "FETCH",  "GRANT",    "INSERT",
    "KILL",    "LISTEN",  "LOAD",    "LOCK",       "MERGE",      "MOVE",   "NOTIFY",   "OPTIMIZE",
    "PREPARE", "REFRESH", "REINDEX", "RELEASE",    "REPLACE",    "REVOKE", "ROLLBACK", "SAVEPOINT",
    "SELECT",  "SET",     "SHOW",    "START",      "TRUNCATE",   "UPDATE", "USE",
};
constexpr std::array<std::string_view, 5> kMoreCommands = {"VACUUM", "VALUES", "WITH", "XA",
                                                           "TABLE"};

// Of MySQL and MariaDB alone.
constexpr std::array<std::string_view, 25> kMySqlCommands = {
    "BACKUP", "BINLOG", "CACHE",     "CHANGE",  "CHECK",    "CHECKSUM", "CLONE",
    "DESC",   "FLUSH",  "GET",       "HANDLER", "HELP",     "IMPORT",   "INSTALL",
    "PURGE",  "RENAME", "REPAIR",    "RESET",   "RESIGNAL", "RESTART",  "SHUTDOWN",
    "SIGNAL", "STOP",   "UNINSTALL", "UNLOCK",
};

bool is_mysql(SqlDialect dialect) {
  return dialect != SqlDialect::PostgreSql;
}

std::string_view command(std::string_view word, SqlDialect dialect) {
  const auto find = [word](const auto& list) -> std::string_view {
    const auto found = std::find_if(list.begin(), list.end(),
                                    [word](std::string_view c) { return is_word(word, c); });
    return found == list.end() ? std::string_view{} : *found;
  };
  std::string_view found = find(kCommands);
  if (found.empty()) found = find(kMoreCommands);
  return found.empty() && is_mysql(dialect) ? find(kMySqlCommands) : found;
}

struct Token {
  enum class Kind : std::uint8_t { Word, Name, Literal, Sign, End };
  Kind kind = Kind::End;
  std::string_view text;  // of a word, a name without its quotes, a sign
};

// Splits a statement into tokens; comments are none. Hides contents of strings and comments, and
// all of a number but its first digit, so that what is left is split in the same way. Of every byte
// that is decided by those before it: therefore a doubled quote is the end of a string and the
// beginning of the next, and after $tag$ all is hidden.
class Scanner {
 public:
  Scanner(std::string_view text, SqlDialect dialect) : text_(text), dialect_(dialect) {}

  void hide_in(std::vector<SecretSpan>& secrets, std::size_t base) {
    secrets_ = &secrets;
    base_ = base;
  }

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }

  Token next() {
    const bool mysql = is_mysql(dialect_);
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (is_blank(c)) {
        ++at_;
      } else if (c == '-' && peek(1) == '-' && (!mysql || is_blank(peek(2)))) {
        line_comment(mysql ? 3 : 2);  // the blank makes it one, and may end it
      } else if (c == '#' && mysql) {
        line_comment(1);
      } else if (mysql && begins_executable()) {
        executable_ = true;
      } else if (c == '*' && peek(1) == '/' && executable_) {
        executable_ = false;
        at_ += 2;
      } else if (c == '/' && peek(1) == '*') {
        block_comment();
      } else {
        return token(c, mysql);
      }
    }
    return {};
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void hide(std::size_t from, std::size_t to) {
    if (secrets_ != nullptr && from < to) secrets_->push_back({base_ + from, to - from});
  }
  template <class Is>
  std::string_view take_while(std::size_t from, Is is) {
    while (at_ < text_.size() && is(text_[at_]))
      ++at_;
    return text_.substr(from, at_ - from);
  }

  // A comment whose contents are executed: /*!, or /*M! for MariaDB alone, and perhaps a version.
  bool begins_executable() {
    const std::string_view rest = text_.substr(at_);
    const std::size_t mark = rest.starts_with("/*!") ? 3 : rest.starts_with("/*M!") ? 4 : 0;
    if (mark == 0) return false;
    at_ += mark;
    for (int digits = 0; digits < 6 && is_digit(peek(0)); ++digits)
      ++at_;
    return true;
  }

  Token token(char c, bool mysql) {
    const bool escapes = dialect_ == SqlDialect::MySql || escapes_;
    escapes_ = false;
    const std::size_t from = at_++;
    if (begins_word(c)) {
      const std::string_view word = take_while(from, in_word);
      escapes_ = !mysql && is_word(word, "E");  // E'...' has backslashes
      return {Token::Kind::Word, word};
    }
    const bool foreign = static_cast<unsigned char>(c) >= 0x80;
    if (is_digit(c) || foreign || (c == '.' && is_digit(peek(0)))) {
      take_while(from, [](char d) {
        return in_word(d) || d == '.' || static_cast<unsigned char>(d) >= 0x80;
      });
      hide(from + 1, at_);
      return {Token::Kind::Literal, {}};
    }
    if (c == '\'' || (c == '"' && mysql)) return string(c, escapes);
    if (c == '"' || (c == '`' && mysql)) {
      const std::string_view name = take_while(at_, [c](char d) { return d != c; });
      at_ = std::min(at_ + 1, text_.size());
      return {Token::Kind::Name, name};
    }
    if (c == '$' && !mysql) return dollar();
    return {Token::Kind::Sign, text_.substr(from, 1)};
  }
  Token string(char quote, bool escapes) {
    const std::size_t from = at_;
    while (at_ < text_.size() && text_[at_] != quote)
      at_ = std::min(at_ + (text_[at_] == '\\' && escapes ? 2 : 1), text_.size());
    hide(from, at_);
    at_ = std::min(at_ + 1, text_.size());
    return {Token::Kind::Literal, {}};
  }
  void line_comment(std::size_t mark) {
    const std::size_t from = at_ + mark;
    at_ = std::min(text_.find('\n', at_), text_.size());
    hide(std::min(from, at_), at_);
  }
  // Its stars and slashes stay, and with them its depth.
  void block_comment() {
    std::size_t depth = 0;
    std::size_t hidden_from = at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c != '*' && c != '/') {
        ++at_;
        continue;
      }
      hide(hidden_from, at_);
      if (c == '/' && peek(1) == '*' && (depth == 0 || dialect_ == SqlDialect::PostgreSql)) {
        ++depth;
        at_ += 2;
        // Of MySQL's /*M it is not known yet what it is: the letter stays.
        if (peek(0) == 'M' && is_mysql(dialect_)) ++at_;
      } else if (c == '*' && peek(1) == '/') {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
      hidden_from = at_;
      if (depth == 0) return;
    }
    hide(hidden_from, at_);
  }
  // $1 is a parameter; $tag$ begins a text that ends with the same.
  Token dollar() {
    const std::size_t from = at_;
    if (is_digit(peek(0))) {
      take_while(from, is_digit);
      return {Token::Kind::Sign, "$"};
    }
    take_while(from, [](char c) { return in_word(c) && c != '$'; });
    if (peek(0) != '$') return {Token::Kind::Sign, "$"};
    hide(at_ + 1, text_.size());
    at_ = text_.size();
    return {Token::Kind::Literal, {}};
  }

  std::string_view text_;
  SqlDialect dialect_;
  std::size_t at_ = 0;
  bool escapes_ = false;
  bool executable_ = false;  // in a comment that is executed
  std::vector<SecretSpan>* secrets_ = nullptr;
  std::size_t base_ = 0;
};

// A name that can stand in a summary.
bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= kMostName && begins_word(name[0]) &&
         std::all_of(name.begin(), name.end(), in_word);
}

bool names_table(std::string_view word) {
  return is_word(word, "FROM") || is_word(word, "JOIN") || is_word(word, "INTO") ||
         is_word(word, "TABLE");
}

// Words that may stand between such a word and the table.
bool is_filler(std::string_view word) {
  constexpr std::string_view kFillers[] = {"ONLY",          "IF",     "NOT",  "EXISTS",
                                           "LATERAL",       "IGNORE", "INTO", "LOW_PRIORITY",
                                           "HIGH_PRIORITY", "DELAYED"};
  return std::any_of(std::begin(kFillers), std::end(kFillers),
                     [word](std::string_view filler) { return is_word(word, filler); });
}

// Words that may stand where a table does, and are none.
bool is_clause(std::string_view word) {
  return is_word(word, "SELECT") || is_word(word, "STDIN") || is_word(word, "VALUES");
}

class Summary {
 public:
  explicit Summary(SqlDialect dialect) : dialect_(dialect) {}

  void take(const Token& token) {
    const bool word = token.kind == Token::Kind::Word;
    const char sign = token.kind == Token::Kind::Sign ? token.text[0] : '\0';
    depth_ += sign == '(' ? 1 : sign == ')' ? -1 : 0;
    if (operation_.empty()) {
      if (word) begin(token.text);
      return;
    }
    if (with_) {
      if (word && depth_ == 0) main_command(token.text);
      return;
    }
    if (expects_table_) return table(token, sign);
    if (sign == '.' && just_named_) {  // that was a schema
      --tables_;
      expects_table_ = true;
    } else if (sign == ',' && in_list_) {
      expects_table_ = true;
    } else if (word && names_table(token.text)) {
      expects_table_ = true;
      in_list_ = is_word(token.text, "FROM");
    } else if (sign != '\0' || (word && aliases_++ > 1)) {
      in_list_ = false;  // an alias, perhaps with AS, may stand behind a table of a list
    }
    just_named_ = false;
  }

  [[nodiscard]] SqlSummary done() const {
    SqlSummary summary;
    summary.operation.assign(operation_);
    summary.text.assign(operation_);
    for (std::size_t i = 0; i < tables_; ++i) {
      const std::string_view name = names_[i].view();
      const auto before = names_.begin() + static_cast<std::ptrdiff_t>(i);
      const bool again = std::find(names_.begin(), before, names_[i]) != before;
      if (again || summary.text.size() + 1 + name.size() > kMostSummary) continue;
      summary.text.append(" ");
      summary.text.append(name);
    }
    return summary;
  }

 private:
  using Name = InlineText<kMostName>;

  void begin(std::string_view word) {
    const std::string_view found = command(word, dialect_);
    operation_ = found.empty() ? "_OTHER" : found;
    with_ = operation_ == "WITH";
    depth_ = 0;
    // MySQL lets INTO be left out.
    expects_table_ = operation_ == "UPDATE" || operation_ == "TRUNCATE" || operation_ == "COPY" ||
                     operation_ == "TABLE" || operation_ == "INSERT" || operation_ == "REPLACE";
  }
  // After WITH name AS (...): what the statement does.
  void main_command(std::string_view word) {
    for (const std::string_view main : {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"}) {
      if (!is_word(word, main)) continue;
      operation_ = main;
      with_ = false;
      expects_table_ = main == "UPDATE";
    }
  }
  void table(const Token& token, char sign) {
    const bool word = token.kind == Token::Kind::Word;
    if (word && (is_filler(token.text) || is_word(token.text, "TABLE"))) return;
    expects_table_ = false;
    just_named_ = false;
    aliases_ = 0;
    if (sign != '\0') in_list_ = false;
    if (!word && token.kind != Token::Kind::Name) return;
    if (!is_plain(token.text) || is_clause(token.text) || tables_ == kMostTables) return;
    names_[tables_++].assign(token.text);
    just_named_ = true;
  }

  SqlDialect dialect_;
  std::string_view operation_;
  std::array<Name, kMostTables> names_;
  std::size_t tables_ = 0;
  std::size_t aliases_ = 0;
  int depth_ = 0;
  bool with_ = false;
  bool expects_table_ = false;
  bool just_named_ = false;
  bool in_list_ = false;  // a comma is followed by another table
};

}  // namespace

SqlSummary summarise_sql(std::string_view text, SqlDialect dialect, bool whole) {
  Scanner scanner(text, dialect);
  Summary summary(dialect);
  for (Token token = scanner.next(); token.kind != Token::Kind::End; token = scanner.next()) {
    if (!whole && scanner.at_end()) break;
    summary.take(token);
  }
  return summary.done();
}

void find_sql_secrets(std::string_view text,
                      SqlDialect dialect,
                      std::size_t base,
                      std::vector<SecretSpan>& secrets) {
  Scanner scanner(text, dialect);
  scanner.hide_in(secrets, base);
  while (scanner.next().kind != Token::Kind::End) {
  }
}

}  // namespace tailwhy
