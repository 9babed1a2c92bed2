// What the prepared statements of a connection do, by their numbers or names: of as many as a
// connection pool would have. The oldest is forgotten.
#pragma once

#include "proto/sql.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace tailwhy {

class PreparedStatements {
 public:
  /// What to call a statement that has a name.
  static std::uint64_t key_of(std::string_view name) { return std::hash<std::string_view>{}(name); }

  void put(std::uint64_t key, const SqlSummary& summary) {
    for (Row& row : rows_) {
      if (row.key == key) return void(row.summary = summary);
    }
    if (rows_.size() < kMost) {
      rows_.push_back({key, summary});
    } else {
      rows_[next_] = {key, summary};
      next_ = (next_ + 1) % kMost;
    }
  }
  /// Null: it was not seen, or is forgotten.
  [[nodiscard]] const SqlSummary* find(std::uint64_t key) const {
    for (const Row& row : rows_) {
      if (row.key == key) return &row.summary;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kMost = 128;
  struct Row {
    std::uint64_t key;
    SqlSummary summary;
  };
  std::vector<Row> rows_;
  std::size_t next_ = 0;
};

}  // namespace tailwhy
