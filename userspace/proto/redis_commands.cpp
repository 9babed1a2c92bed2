// Commands as `COMMAND LIST` of Redis 7.0 has them, and those of Redis 7.2 to 8.2 and Valkey 8.
// CLUSTER COUNT-FAILURE-REPORTS is left out: it is longer than a method may be.
#include "proto/redis_commands.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace tailwhy {
namespace {

using Kind = RedisCommand::Kind;

constexpr RedisCommand kCommands[] = {
    // clang-format off
    {"ACL", Kind::Container}, {"CLIENT", Kind::Container}, {"CLUSTER", Kind::Container},
    {"COMMAND", Kind::Container}, {"CONFIG", Kind::Container}, {"FUNCTION", Kind::Container},
    {"LATENCY", Kind::Container}, {"MEMORY", Kind::Container}, {"MODULE", Kind::Container},
    {"OBJECT", Kind::Container}, {"PUBSUB", Kind::Container}, {"SCRIPT", Kind::Container},
    {"SLOWLOG", Kind::Container}, {"XGROUP", Kind::Container}, {"XINFO", Kind::Container},
    {"BLMOVE", Kind::Blocking}, {"BLMPOP", Kind::Blocking}, {"BLPOP", Kind::Blocking},
    {"BRPOP", Kind::Blocking}, {"BRPOPLPUSH", Kind::Blocking}, {"BZMPOP", Kind::Blocking},
    {"BZPOPMAX", Kind::Blocking}, {"BZPOPMIN", Kind::Blocking}, {"WAIT", Kind::Blocking},
    {"WAITAOF", Kind::Blocking}, {"XREAD", Kind::Streams}, {"XREADGROUP", Kind::Streams},
    {"SUBSCRIBE", Kind::Subscribe}, {"PSUBSCRIBE", Kind::Subscribe},
    {"SSUBSCRIBE", Kind::Subscribe}, {"UNSUBSCRIBE", Kind::Unsubscribe},
    {"PUNSUBSCRIBE", Kind::Unsubscribe}, {"SUNSUBSCRIBE", Kind::Unsubscribe},
    {"MONITOR", Kind::Monitor}, {"PSYNC", Kind::Sync}, {"SYNC", Kind::Sync},
    {"RESET", Kind::Reset},
    {"APPEND"}, {"ASKING"}, {"AUTH"}, {"BGREWRITEAOF"}, {"BGSAVE"}, {"BITCOUNT"}, {"BITFIELD"},
    {"BITFIELD_RO"}, {"BITOP"}, {"BITPOS"}, {"COPY"}, {"DBSIZE"}, {"DEBUG"}, {"DECR"}, {"DECRBY"},
    {"DEL"}, {"DELEX"}, {"DELIFEQ"}, {"DIGEST"}, {"DISCARD"}, {"DUMP"}, {"ECHO"}, {"EVAL"},
    {"EVALSHA"}, {"EVALSHA_RO"}, {"EVAL_RO"}, {"EXEC"}, {"EXISTS"}, {"EXPIRE"}, {"EXPIREAT"},
    {"EXPIRETIME"}, {"FAILOVER"}, {"FCALL"}, {"FCALL_RO"}, {"FLUSHALL"}, {"FLUSHDB"}, {"GEOADD"},
    {"GEODIST"}, {"GEOHASH"}, {"GEOPOS"}, {"GEORADIUS"}, {"GEORADIUSBYMEMBER"},
    {"GEORADIUSBYMEMBER_RO"}, {"GEORADIUS_RO"}, {"GEOSEARCH"}, {"GEOSEARCHSTORE"}, {"GET"},
    {"GETBIT"}, {"GETDEL"}, {"GETEX"}, {"GETRANGE"}, {"GETSET"}, {"HDEL"}, {"HELLO"}, {"HEXISTS"},
    {"HEXPIRE"}, {"HEXPIREAT"}, {"HEXPIRETIME"}, {"HGET"}, {"HGETALL"}, {"HGETDEL"}, {"HGETEX"},
    {"HINCRBY"}, {"HINCRBYFLOAT"}, {"HKEYS"}, {"HLEN"}, {"HMGET"}, {"HMSET"}, {"HPERSIST"},
    {"HPEXPIRE"}, {"HPEXPIREAT"}, {"HPEXPIRETIME"}, {"HPTTL"}, {"HRANDFIELD"}, {"HSCAN"}, {"HSET"},
    {"HSETEX"}, {"HSETNX"}, {"HSTRLEN"}, {"HTTL"}, {"HVALS"}, {"INCR"}, {"INCRBY"},
    {"INCRBYFLOAT"}, {"INFO"}, {"KEYS"}, {"LASTSAVE"}, {"LCS"}, {"LINDEX"}, {"LINSERT"}, {"LLEN"},
    {"LMOVE"}, {"LMPOP"}, {"LOLWUT"}, {"LPOP"}, {"LPOS"}, {"LPUSH"}, {"LPUSHX"}, {"LRANGE"},
    {"LREM"}, {"LSET"}, {"LTRIM"}, {"MGET"}, {"MIGRATE"}, {"MOVE"}, {"MSET"}, {"MSETEX"},
    {"MSETNX"}, {"MULTI"}, {"PERSIST"}, {"PEXPIRE"}, {"PEXPIREAT"}, {"PEXPIRETIME"}, {"PFADD"},
    {"PFCOUNT"}, {"PFDEBUG"}, {"PFMERGE"}, {"PFSELFTEST"}, {"PING"}, {"PSETEX"}, {"PTTL"},
    {"PUBLISH"}, {"QUIT"}, {"RANDOMKEY"}, {"READONLY"}, {"READWRITE"}, {"RENAME"}, {"RENAMENX"},
    {"REPLCONF"}, {"REPLICAOF"}, {"RESTORE"}, {"RESTORE-ASKING"}, {"ROLE"}, {"RPOP"},
    {"RPOPLPUSH"}, {"RPUSH"}, {"RPUSHX"}, {"SADD"}, {"SAVE"}, {"SCAN"}, {"SCARD"}, {"SDIFF"},
    {"SDIFFSTORE"}, {"SELECT"}, {"SET"}, {"SETBIT"}, {"SETEX"}, {"SETNX"}, {"SETRANGE"},
    {"SHUTDOWN"}, {"SINTER"}, {"SINTERCARD"}, {"SINTERSTORE"}, {"SISMEMBER"}, {"SLAVEOF"},
    {"SMEMBERS"}, {"SMISMEMBER"}, {"SMOVE"}, {"SORT"}, {"SORT_RO"}, {"SPOP"}, {"SPUBLISH"},
    {"SRANDMEMBER"}, {"SREM"}, {"SSCAN"}, {"STRLEN"}, {"SUBSTR"}, {"SUNION"}, {"SUNIONSTORE"},
    {"SWAPDB"}, {"TIME"}, {"TOUCH"}, {"TTL"}, {"TYPE"}, {"UNLINK"}, {"UNWATCH"}, {"WATCH"},
    {"XACK"}, {"XACKDEL"}, {"XADD"}, {"XAUTOCLAIM"}, {"XCLAIM"}, {"XDEL"}, {"XDELEX"}, {"XLEN"},
    {"XPENDING"}, {"XRANGE"}, {"XREVRANGE"}, {"XSETID"}, {"XTRIM"}, {"ZADD"}, {"ZCARD"},
    {"ZCOUNT"}, {"ZDIFF"}, {"ZDIFFSTORE"}, {"ZINCRBY"}, {"ZINTER"}, {"ZINTERCARD"},
    {"ZINTERSTORE"}, {"ZLEXCOUNT"}, {"ZMPOP"}, {"ZMSCORE"}, {"ZPOPMAX"}, {"ZPOPMIN"},
    {"ZRANDMEMBER"}, {"ZRANGE"}, {"ZRANGEBYLEX"}, {"ZRANGEBYSCORE"}, {"ZRANGESTORE"}, {"ZRANK"},
    {"ZREM"}, {"ZREMRANGEBYLEX"}, {"ZREMRANGEBYRANK"}, {"ZREMRANGEBYSCORE"}, {"ZREVRANGE"},
    {"ZREVRANGEBYLEX"}, {"ZREVRANGEBYSCORE"}, {"ZREVRANK"}, {"ZSCAN"}, {"ZSCORE"}, {"ZUNION"},
    {"ZUNIONSTORE"},
    // clang-format on
};

constexpr RedisCommand kSubcommands[] = {
    // clang-format off
    {"ACL CAT"}, {"ACL DELUSER"}, {"ACL DRYRUN"}, {"ACL GENPASS"}, {"ACL GETUSER"}, {"ACL HELP"},
    {"ACL LIST"}, {"ACL LOAD"}, {"ACL LOG"}, {"ACL SAVE"}, {"ACL SETUSER"}, {"ACL USERS"},
    {"ACL WHOAMI"}, {"CLIENT CACHING"}, {"CLIENT CAPA"}, {"CLIENT GETNAME"}, {"CLIENT GETREDIR"},
    {"CLIENT HELP"}, {"CLIENT ID"}, {"CLIENT INFO"}, {"CLIENT KILL"}, {"CLIENT LIST"},
    {"CLIENT NO-EVICT"}, {"CLIENT NO-TOUCH"}, {"CLIENT PAUSE"}, {"CLIENT REPLY"},
    {"CLIENT SETINFO"}, {"CLIENT SETNAME"}, {"CLIENT TRACKING"}, {"CLIENT TRACKINGINFO"},
    {"CLIENT UNBLOCK"}, {"CLIENT UNPAUSE"}, {"CLUSTER ADDSLOTS"}, {"CLUSTER ADDSLOTSRANGE"},
    {"CLUSTER BUMPEPOCH"}, {"CLUSTER COUNTKEYSINSLOT"}, {"CLUSTER DELSLOTS"},
    {"CLUSTER DELSLOTSRANGE"}, {"CLUSTER FAILOVER"}, {"CLUSTER FLUSHSLOTS"}, {"CLUSTER FORGET"},
    {"CLUSTER GETKEYSINSLOT"}, {"CLUSTER HELP"}, {"CLUSTER INFO"}, {"CLUSTER KEYSLOT"},
    {"CLUSTER LINKS"}, {"CLUSTER MEET"}, {"CLUSTER MYID"}, {"CLUSTER MYSHARDID"},
    {"CLUSTER NODES"}, {"CLUSTER REPLICAS"}, {"CLUSTER REPLICATE"}, {"CLUSTER RESET"},
    {"CLUSTER SAVECONFIG"}, {"CLUSTER SET-CONFIG-EPOCH"}, {"CLUSTER SETSLOT"}, {"CLUSTER SHARDS"},
    {"CLUSTER SLAVES"}, {"CLUSTER SLOT-STATS"}, {"CLUSTER SLOTS"}, {"COMMAND COUNT"},
    {"COMMAND DOCS"}, {"COMMAND GETKEYS"}, {"COMMAND GETKEYSANDFLAGS"}, {"COMMAND HELP"},
    {"COMMAND INFO"}, {"COMMAND LIST"}, {"CONFIG GET"}, {"CONFIG HELP"}, {"CONFIG RESETSTAT"},
    {"CONFIG REWRITE"}, {"CONFIG SET"}, {"FUNCTION DELETE"}, {"FUNCTION DUMP"},
    {"FUNCTION FLUSH"}, {"FUNCTION HELP"}, {"FUNCTION KILL"}, {"FUNCTION LIST"},
    {"FUNCTION LOAD"}, {"FUNCTION RESTORE"}, {"FUNCTION STATS"}, {"LATENCY DOCTOR"},
    {"LATENCY GRAPH"}, {"LATENCY HELP"}, {"LATENCY HISTOGRAM"}, {"LATENCY HISTORY"},
    {"LATENCY LATEST"}, {"LATENCY RESET"}, {"MEMORY DOCTOR"}, {"MEMORY HELP"},
    {"MEMORY MALLOC-STATS"}, {"MEMORY PURGE"}, {"MEMORY STATS"}, {"MEMORY USAGE"},
    {"MODULE HELP"}, {"MODULE LIST"}, {"MODULE LOAD"}, {"MODULE LOADEX"}, {"MODULE UNLOAD"},
    {"OBJECT ENCODING"}, {"OBJECT FREQ"}, {"OBJECT HELP"}, {"OBJECT IDLETIME"},
    {"OBJECT REFCOUNT"}, {"PUBSUB CHANNELS"}, {"PUBSUB HELP"}, {"PUBSUB NUMPAT"},
    {"PUBSUB NUMSUB"}, {"PUBSUB SHARDCHANNELS"}, {"PUBSUB SHARDNUMSUB"}, {"SCRIPT DEBUG"},
    {"SCRIPT EXISTS"}, {"SCRIPT FLUSH"}, {"SCRIPT HELP"}, {"SCRIPT KILL"}, {"SCRIPT LOAD"},
    {"SCRIPT SHOW"}, {"SLOWLOG GET"}, {"SLOWLOG HELP"}, {"SLOWLOG LEN"}, {"SLOWLOG RESET"},
    {"XGROUP CREATE"}, {"XGROUP CREATECONSUMER"}, {"XGROUP DELCONSUMER"}, {"XGROUP DESTROY"},
    {"XGROUP HELP"}, {"XGROUP SETID"}, {"XINFO CONSUMERS"}, {"XINFO GROUPS"}, {"XINFO HELP"},
    {"XINFO STREAM"},
    // clang-format on
};

constexpr char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

constexpr std::size_t kSlots = 1024;  // more than twice the names

constexpr std::size_t slot_of(std::string_view name) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : name)
    hash = (hash ^ static_cast<unsigned char>(upper(c))) * 16777619U;
  return (hash ^ hash >> 15) % kSlots;
}

// Where the names are: their index and one, 0 is an empty slot.
constexpr auto kIndex = [] {
  std::array<std::uint16_t, kSlots> index{};
  for (std::size_t i = 0; i < std::size(kCommands); ++i) {
    std::size_t slot = slot_of(kCommands[i].name);
    while (index[slot] != 0)
      slot = (slot + 1) % kSlots;
    index[slot] = static_cast<std::uint16_t>(i + 1);
  }
  return index;
}();

bool same(std::string_view upper_case, std::string_view text) {
  return std::equal(upper_case.begin(), upper_case.end(), text.begin(), text.end(),
                    [](char a, char b) { return a == upper(b); });
}

std::size_t common(std::string_view upper_case, std::string_view text) {
  std::size_t size = 0;
  while (size < upper_case.size() && size < text.size() && upper_case[size] == upper(text[size]))
    ++size;
  return size;
}

// The names of a container's subcommands without it; empty: another's.
std::string_view part_of(std::string_view container, std::string_view full) {
  if (full.size() <= container.size() + 1 || !full.starts_with(container)) return {};
  return full[container.size()] == ' ' ? full.substr(container.size() + 1) : std::string_view{};
}

}  // namespace

const RedisCommand* find_redis_command(std::string_view name) {
  if (name.empty() || name.size() > kLongestRedisName) return nullptr;
  for (std::size_t slot = slot_of(name); kIndex[slot] != 0; slot = (slot + 1) % kSlots) {
    const RedisCommand& command = kCommands[kIndex[slot] - 1];
    if (same(command.name, name)) return &command;
  }
  return nullptr;
}

const RedisCommand* find_redis_subcommand(std::string_view container, std::string_view name) {
  if (name.empty()) return nullptr;
  for (const RedisCommand& command : kSubcommands) {
    if (same(part_of(container, command.name), name)) return &command;
  }
  return nullptr;
}

std::size_t known_redis_prefix(std::string_view container, std::string_view text) {
  std::size_t longest = 0;
  if (container.empty()) {
    for (const RedisCommand& command : kCommands)
      longest = std::max(longest, common(command.name, text));
    return longest;
  }
  for (const RedisCommand& command : kSubcommands)
    longest = std::max(longest, common(part_of(container, command.name), text));
  return longest;
}

}  // namespace tailwhy
