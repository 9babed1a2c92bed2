// THE table of protocols, in the order in which they are asked about a connection's first bytes.
// Adding a protocol is its one file and one row here.
#include "proto/amqp.h"
#include "proto/cassandra.h"
#include "proto/dns.h"
#include "proto/fastcgi.h"
#include "proto/http1.h"
#include "proto/http2.h"
#include "proto/kafka.h"
#include "proto/memcached.h"
#include "proto/mongodb.h"
#include "proto/mqtt.h"
#include "proto/mysql.h"
#include "proto/nats.h"
#include "proto/parser.h"
#include "proto/postgres.h"
#include "proto/redis.h"
#include "proto/uwsgi.h"
#include "proto/websocket.h"

namespace tailwhy {
namespace {

constexpr const ParserSpec* kParsers[] = {
    &kHttp1, &kHttp2, &kKafka, &kPostgreSql, &kMySql, &kMongoDb, &kMemcached, &kRedis,
    &kMqtt,  &kAmqp,  &kNats,  &kWebSocket,  &kDns,   &kFastCgi, &kUwsgi,     &kCassandra,
};

}  // namespace

std::span<const ParserSpec* const> parser_specs() {
  return kParsers;
}

const ParserSpec& datagram_protocol() {
  return kDns;
}

const ParserSpec* parser_spec(std::string_view name) {
  for (const ParserSpec* spec : kParsers) {
    if (spec->name == name) return spec;
  }
  return nullptr;
}

}  // namespace tailwhy
