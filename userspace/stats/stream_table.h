// Statistics of answers that came as streams, by route, and of exchanges with language models, by
// model. In bounded memory: routes and models come off the wire, and beyond the limits they share
// rows. Knows nothing of the other statistics of the same requests.
#pragma once

#include "model/report.h"
#include "model/request.h"
#include "stats/route_table.h"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace tailwhy {

class StreamTable {
 public:
  static constexpr std::size_t kMostRoutes = 200;  ///< about 10 KiB each at most
  static constexpr std::size_t kMostModels = 50;

  /// An exchange that ended, of which there are facts (Request::stream).
  void add(const Request& request);
  /// See RouteTable::rename().
  void rename(const RouteTable::Rename& route_of);

  /// Of the whole run, most requests first.
  [[nodiscard]] std::vector<StreamStats> streams() const;
  [[nodiscard]] std::vector<GenAiStats> gen_ai() const;

 private:
  struct StreamKey {
    Role role;
    std::string_view protocol;  // static text
    StreamKind kind;
    std::string method;
    std::string route;
    bool by_pattern;
    auto operator<=>(const StreamKey&) const = default;
  };
  struct ModelKey {
    Role role;
    std::string_view operation;  // static text
    std::string_view provider;   // static text
    std::string request_model;
    std::string response_model;
    auto operator<=>(const ModelKey&) const = default;
  };

  void add_stream(const Request& request);
  void add_gen_ai(const Request& request);

  std::map<StreamKey, StreamStats> streams_;
  std::map<ModelKey, GenAiStats> models_;
};

/// Adds what `other` counted; the names stay.
void merge(StreamStats& sum, const StreamStats& other);

}  // namespace tailwhy
