// What the prepared statements of a connection do, by their names: of as many as a connection pool
// would have. The oldest is forgotten.
#pragma once

#include "proto/sql.h"

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace tailwhy {

class PreparedStatements {
 public:
  void put(std::string_view name, const SqlSummary& summary) {
    const std::size_t key = std::hash<std::string_view>{}(name);
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
  [[nodiscard]] const SqlSummary* find(std::string_view name) const {
    const std::size_t key = std::hash<std::string_view>{}(name);
    for (const Row& row : rows_) {
      if (row.key == key) return &row.summary;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kMost = 128;
  struct Row {
    std::size_t key;
    SqlSummary summary;
  };
  std::vector<Row> rows_;
  std::size_t next_ = 0;
};

}  // namespace tailwhy
