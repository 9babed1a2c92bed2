#include "sinks/streams_json.h"

#include "sinks/budget_json.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace tailwhy {
namespace {

std::string_view role_word(Role role) {
  return role == Role::Client ? "client" : "server";
}

Json stream_json(const StreamStats& row) {
  Json json = {{"network.protocol.name", row.protocol}, {"tailwhy.role", role_word(row.role)}};
  add_names(json, row.family, row.protocol, row.method, row.route);
  json["tailwhy.stream.kind"] = to_string(row.kind);
  json["count"] = row.count;
  json["incomplete"] = row.incomplete;
  json["events"] = row.events;
  json["request_messages"] = row.request_messages;
  json["time_to_first_event"] = histogram_json(row.time_to_first_event);
  json["inter_chunk_gap"] = histogram_json(row.gaps);
  return json;
}

Json gen_ai_json(const GenAiStats& row) {
  Json json = {{"tailwhy.role", role_word(row.role)},
               {"gen_ai.operation.name", row.operation},
               {"gen_ai.provider.name", row.provider}};
  if (!row.request_model.empty()) json["gen_ai.request.model"] = row.request_model;
  if (!row.response_model.empty()) json["gen_ai.response.model"] = row.response_model;
  json["count"] = row.count;
  json["errors"] = row.errors;
  json["counted"] = row.counted;
  json["input_tokens"] = row.input_tokens;
  json["output_tokens"] = row.output_tokens;
  json["gen_ai.server.request.duration"] = histogram_json(row.request_duration);
  json["gen_ai.server.time_to_first_token"] = histogram_json(row.time_to_first_token);
  json["gen_ai.server.time_per_output_token"] = histogram_json(row.time_per_output_token);
  return json;
}

template <class Row, class Make>
void add_rows(
    Json& json, const char* name, const std::vector<Row>& rows, std::size_t most, Make&& make) {
  if (rows.empty()) return;
  Json list = Json::array();
  for (const Row& row : rows) {
    if (list.size() < most) list.push_back(make(row));
  }
  json[name] = std::move(list);
}

}  // namespace

void add_streams(Json& json, const Report& total, std::size_t max_rows) {
  add_rows(json, "streams", total.streams, max_rows, stream_json);
  add_rows(json, "gen_ai", total.gen_ai, max_rows, gen_ai_json);
}

}  // namespace tailwhy
