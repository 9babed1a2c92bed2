#include "model/protocol_family.h"

#include <array>
#include <cstddef>

namespace tailwhy {

const FamilyNames& family_names(ProtocolFamily family) {
  // In the order of the enumeration.
  static constexpr std::array<FamilyNames, 7> kNames{{
      {},
      {.system = {},
       .operation = "http.request.method",
       .target = "http.route",
       .status = "http.response.status_code"},
      {.system = "rpc.system.name",
       .operation = {},
       .target = "rpc.method",
       .status = "rpc.response.status_code"},
      {.system = "db.system.name",
       .operation = "db.operation.name",
       .target = "db.collection.name",
       .status = "db.response.status_code"},
      {.system = "db.system.name",
       .operation = "db.operation.name",
       .target = "db.query.summary",
       .status = "db.response.status_code"},
      {.system = "messaging.system",
       .operation = "messaging.operation.name",
       .target = "messaging.destination.name",
       .status = "tailwhy.response.status_code"},
      {.system = {},
       .operation = "tailwhy.dns.question.type",
       .target = {},
       .status = "tailwhy.dns.response_code"},
  }};
  return kNames[static_cast<std::size_t>(family)];
}

}  // namespace tailwhy
