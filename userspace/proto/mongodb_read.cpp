#include "proto/mongodb_read.h"

#include "proto/mongodb_reader.h"
#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace tailwhy::mongodb {
namespace {

using Verdict = ResponseHead::Verdict;

// Commands (the manual, "Database Commands"). A name is told as it was sent: some have two
// spellings. None ends in x, which is what hidden bytes are replaced with.
constexpr std::string_view kNames[] = {
    // whose value is a collection
    "aggregate", "bulkWrite", "collMod", "collStats", "compact", "convertToCapped", "count",
    "create", "createIndexes", "createSearchIndexes", "dataSize", "delete", "deleteIndexes",
    "distinct", "drop", "dropIndexes", "dropSearchIndex", "find", "findAndModify", "findandmodify",
    "geoSearch", "group", "insert", "killCursors", "listIndexes", "mapReduce", "mapreduce",
    "parallelCollectionScan", "planCacheClear", "planCacheClearFilters", "planCacheListFilters",
    "planCacheSetFilter", "update", "updateSearchIndex", "validate",
    // that wait, or may
    "getMore", "hello", "isMaster", "ismaster",
    // others
    "abortTransaction", "authenticate", "autoSplitVector", "buildInfo", "buildinfo",
    "cloneCollectionAsCapped", "commitTransaction", "connPoolStats", "connectionStatus",
    "createRole", "createUser", "currentOp", "dbHash", "dbStats", "dbstats",
    "dropAllRolesFromDatabase", "dropAllUsersFromDatabase", "dropConnections", "dropDatabase",
    "dropRole", "dropUser", "endSessions", "eval", "explain", "features", "filemd5", "fsync",
    "fsyncUnlock", "getCmdLineOpts", "getDefaultRWConcern", "getLastError", "getLog",
    "getParameter", "getShardMap", "getShardVersion", "getlasterror", "getnonce",
    "grantPrivilegesToRole", "grantRolesToRole", "grantRolesToUser", "hostInfo",
    "invalidateUserCache", "killAllSessions", "killAllSessionsByPattern", "killOp", "killSessions",
    "listCollections", "listCommands", "listDatabases", "listShards", "logRotate", "logout",
    "moveChunk", "movePrimary", "ping", "prepareTransaction", "profile", "refreshSessions",
    "renameCollection", "replSetGetConfig", "replSetGetStatus", "replSetHeartbeat",
    "replSetUpdatePosition", "revokePrivilegesFromRole", "revokeRolesFromRole",
    "revokeRolesFromUser", "rolesInfo", "rotateCertificates", "saslContinue", "saslStart",
    "serverStatus", "setFeatureCompatibilityVersion", "setParameter", "shardCollection", "shutdown",
    "startSession", "top", "updateRole", "updateUser", "usersInfo", "whatsmyuri"};
constexpr std::size_t kOfCollections = 35;
constexpr std::size_t kGetMoreName = 35, kHellos = 36, kEndOfHellos = 39;
static_assert(kNames[kOfCollections - 1] == "validate" && kNames[kGetMoreName] == "getMore" &&
              kNames[kHellos] == "hello" && kNames[kEndOfHellos - 1] == "ismaster");

constexpr std::string_view kOther = "_OTHER";

// What a getMore and a hello say of how long they may wait.
constexpr std::string_view kWaits[] = {"maxTimeMS", "maxAwaitTimeMS", "topologyVersion",
                                       "collection"};
constexpr int kCollection = 3;

void read_rest_of_command(Reader& in, bool get_more, Asked& asked) {
  while (const auto element = in.element(kWaits)) {
    if (element->word == kCollection && element->type == Reader::kString) {
      if (get_more) asked.collection = in.collection();
      if (!get_more) in.skip_value(element->type);
      continue;
    }
    const bool waits = get_more ? element->word == 0 : element->word == 1 || element->word == 2;
    asked.open_ended = asked.open_ended || waits;
    in.skip_value(element->type);
  }
}

// The first element of a command is its name; its value may be a collection.
void read_command(Reader& in, Asked& asked) {
  constexpr std::string_view kWrapped[] = {"$query"};
  (void)in.int32();  // size
  auto element = in.element(kNames, kWrapped);
  if (element && element->word == static_cast<int>(std::size(kNames))) {
    (void)in.int32();
    element = in.element(kNames);
  }
  if (!element) {
    if (!in.cut()) asked.command = kOther;
    return;
  }
  if (element->word < 0) {
    asked.command = kOther;
    return;
  }
  const auto name = static_cast<std::size_t>(element->word);
  asked.command = kNames[name];
  if (name < kOfCollections) {
    if (element->type == Reader::kString) asked.collection = in.collection();
    return;
  }
  if (name >= kEndOfHellos) return;
  in.skip_value(element->type);
  read_rest_of_command(in, name == kGetMoreName, asked);
}

// Goes to the document that is the body, whatever stands before it. False: not there.
bool find_body(Reader& in) {
  while (const auto kind = in.byte()) {
    if (*kind == 0) return true;
    const auto size = *kind == 1 ? in.int32() : std::nullopt;
    if (!size || *size < 4) return false;
    in.skip(*size - 4);
  }
  return false;
}

void fail(const Reader::Code& code, Told& told) {
  constexpr std::string_view kUnknownError = "UnknownError";
  told.verdict = Verdict::ServerError;
  if (!told.status.empty()) return;
  told.status = !code.name.empty()     ? code.name
                : !code.number.empty() ? code.number
                                       : StatusText(kUnknownError);
}

void read_reply(Reader& in, Told& told) {
  constexpr std::string_view kFields[] = {"ok",          "code",   "codeName",
                                          "writeErrors", "cursor", "writeConcernError"};
  enum : int { kOk, kCode, kCodeName, kWriteErrors, kCursor, kConcern };
  Reader::Code code;
  std::optional<bool> succeeded;
  bool first = true;
  (void)in.int32();  // size
  while (const auto element = in.element(kFields)) {
    const bool is_document = element->type == Reader::kDocument;
    switch (element->word) {
      case kOk:
        if (const auto ok = in.number(element->type)) succeeded = *ok != 0;
        break;
      case kCode:
        in.read_number(element->type, code);
        break;
      case kCodeName:
        in.read_name(element->type, code);
        break;
      case kWriteErrors:
        if (element->type == Reader::kArray) {
          fail(in.code_of_first(), told);
        } else {
          in.skip_value(element->type);
        }
        break;
      case kConcern:
        if (is_document) {
          fail(in.code_within(), told);
        } else {
          in.skip_value(element->type);
        }
        break;
      default:
        if (element->word == kCursor && first && is_document) told.verdict = Verdict::Ok;
        in.skip_value(element->type);
        break;
    }
    first = false;
  }
  if (succeeded == false) {
    told.status.clear();
    fail(code, told);
  } else if (succeeded == true && told.verdict != Verdict::ServerError) {
    told.verdict = Verdict::Ok;
  }
}

}  // namespace

Asked read_request(Bytes message, std::vector<SecretSpan>* shown) {
  Asked asked;
  Reader in(message, shown);
  if (message.size() < kHeader) return asked;
  in.keep(kHeader);
  switch (wire::le32(message, kHeader - 4)) {
    case kMessage:
      if (const auto flags = in.int32()) {
        asked.one_way = (*flags & kMoreToCome) != 0;
        asked.open_ended = (*flags & kExhaustAllowed) != 0;
        if (find_body(in)) read_command(in, asked);
      }
      break;
    case kQuery:
      asked.one_way = false;
      in.keep(4);  // flags
      in.skip_text();
      in.skip(8);  // what to skip, how much to return
      read_command(in, asked);
      break;
    case kGetMore:
      asked.command = "getMore";
      asked.one_way = false;
      break;
    case kCompressed:
      in.keep(9);  // by what it is known again: the opcode, the size, the compressor
      asked.one_way = false;
      break;
    case kUpdate:
    case kInsert:
    case kDelete:
    case kKillCursors: {
      const std::uint32_t opcode = wire::le32(message, kHeader - 4);
      asked.command = opcode == kUpdate   ? "update"
                      : opcode == kInsert ? "insert"
                      : opcode == kDelete ? "delete"
                                          : "killCursors";
      asked.one_way = true;
      break;
    }
    default:
      break;
  }
  return asked;
}

Told read_answer(Bytes message, std::vector<SecretSpan>* shown) {
  Told told;
  Reader in(message, shown);
  if (message.size() < kHeader) return told;
  in.keep(kHeader);
  const std::uint32_t opcode = wire::le32(message, kHeader - 4);
  if (opcode == kMessage) {
    const auto flags = in.int32();
    if (!flags) return told;
    told.more_to_come = (*flags & kMoreToCome) != 0;
    if (find_body(in)) read_reply(in, told);
  } else if (opcode == kReply) {
    constexpr std::uint32_t kQueryFailure = 1U << 1U;
    const auto flags = in.int32();
    if (!flags) return told;
    in.skip(16);  // cursor, where it begins, how many
    read_reply(in, told);
    if ((*flags & kQueryFailure) != 0) fail({}, told);
  }
  return told;
}

}  // namespace tailwhy::mongodb
