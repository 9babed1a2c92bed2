// What a recorder keeps, hides, drops and survives.
#include "events/capture_writer.h"

#include "capture_support.h"

#include <catch2/catch.hpp>

#include <sys/resource.h>
#include <sys/wait.h>

#include <signal.h>
#include <string>
#include <thread>

using namespace tailwhy;
using namespace tailwhy::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

std::unique_ptr<CaptureWriter> make_writer(const std::string& path, CaptureOptions options = {}) {
  auto writer = CaptureWriter::create(path, std::move(options));
  if (!writer) FAIL(writer.error().to_string());
  return std::move(*writer);
}

// One event with `text` as payload, recorded with the given secrets, as it comes back.
std::string recorded(std::string_view text,
                     std::vector<PayloadSpan> secrets,
                     const CallOptions& call = {},
                     TailBytes tail = TailBytes::Mask) {
  const TempDir dir;
  EventBuilder b;
  b.in(1, 5, text, call);
  {
    auto writer = make_writer(dir.file("m.twcap"));
    writer->add(b.records().front(), secrets, tail);
    writer->finish().value();
  }
  const Replay back = replay_file(dir.file("m.twcap"));
  REQUIRE(back.diary.lines.size() == 1);
  return back.diary.lines.front().substr(6 + sizeof(tw_ev_data));
}

bool wait_for_blocks(const CaptureWriter& writer, std::uint64_t blocks) {
  for (int i = 0; i < 1000; ++i) {
    if (writer.stats().blocks >= blocks) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

}  // namespace

TEST_CASE("capture writer: what is secret of a datagram is overwritten", "[events][capture]") {
  const TempDir dir;
  EventBuilder b;
  b.datagram(1, TW_DIR_IN, 5, "public secret");
  {
    auto writer = make_writer(dir.file("d.twcap"));
    const std::vector<PayloadSpan> secrets = {{7, 6}};
    writer->add(b.records().front(), secrets);
    writer->finish().value();
  }
  const Replay back = replay_file(dir.file("d.twcap"));
  REQUIRE(back.diary.lines.size() == 1);
  CHECK_THAT(back.diary.lines.front(), Contains("public "));
  CHECK_THAT(back.diary.lines.front(), !Contains("secret"));
}

TEST_CASE("capture writer: a recording replays event for event", "[events][capture]") {
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER);
  for (int i = 0; i < 3000; ++i) {
    b.in(1, 10 + i, std::string(static_cast<std::size_t>(i % 500 + 1), static_cast<char>(i)));
  }
  b.in(1, 5000, std::string(20000, 'y')).fork(6000, 1, 2, "x").exit(7000, 2, 2, 0).close(1, 8000);
  Diary live;
  b.feed(live);

  const TempDir dir;
  CaptureStats stats;
  {
    auto writer =
        make_writer(dir.file("r.twcap"), {.header_json = "{}", .block_bytes = 64U << 10U});
    for (const auto record : b.records())
      writer->add(record, {}, TailBytes::Keep);
    writer->finish().value();
    stats = writer->stats();
  }
  const Replay back = replay_file(dir.file("r.twcap"));
  CHECK(back.error.empty());
  CHECK(back.diary.lines == live.lines);
  CHECK(stats.events == live.lines.size());
  CHECK(stats.dropped_events == 0);
  CHECK(back.stats.event_bytes == stats.event_bytes);
  CHECK(stats.blocks == back.progress.blocks);
  CHECK(stats.blocks > 10);
  CHECK(stats.file_bytes == std::filesystem::file_size(dir.file("r.twcap")));
}

TEST_CASE("capture writer: ticks and side records stay between their events", "[events][capture]") {
  const TempDir dir;
  EventBuilder b;
  b.in(1, 1, "a").in(1, 2, "b").in(1, 3, "c");
  const auto records = b.records();
  {
    auto writer = make_writer(dir.file("o.twcap"), {.tick_interval_ns = 10});
    writer->add(records[0]);
    writer->add_side({10, "losses", "{1}"});
    writer->add_side({10, "self", ""});
    writer->add_tick(10);
    writer->add(records[1]);
    writer->add_tick(20);
    writer->add_tick(30);
    writer->add(records[2]);
    writer->finish().value();
  }
  const Replay back = replay_file(dir.file("o.twcap"));
  CHECK(back.error.empty());
  REQUIRE(back.diary.lines.size() == 8);
  CHECK(back.diary.marks() == std::vector<std::string>{"side 10 losses {1}", "side 10 self ",
                                                       "tick 10", "tick 20", "tick 30"});
  CHECK(back.diary.lines[0].back() == 'a');
  CHECK(back.diary.lines[4].back() == 'b');
  CHECK(back.diary.lines[7].back() == 'c');
}

TEST_CASE("capture writer: secrets do not reach the file", "[events][capture]") {
  const std::string text = "GET /?token=s3cret HTTP/1.1";
  CHECK(recorded(text, {}) == text);
  CHECK(recorded(text, {{12, 6}}) == "GET /?token=xxxxxx HTTP/1.1");
  CHECK(recorded(text, {{0, 3}, {6, 5}}) == "xxx /?xxxxx=s3cret HTTP/1.1");
  // spans that reach beyond the payload of the record
  CHECK(recorded("abcdef", {{4, 100}}) == "abcdxx");
  CHECK(recorded("abcdef", {{5, ~std::size_t{0}}}) == "abcdex");
  CHECK(recorded("abcdef", {{6, 1}, {~std::size_t{0}, ~std::size_t{0}}}) == "abcdef");
}

TEST_CASE("capture writer: masking changes the copy, not the event", "[events][capture]") {
  const TempDir dir;
  EventBuilder b;
  b.in(1, 5, "secret");
  auto writer = make_writer(dir.file("m.twcap"));
  const std::vector<PayloadSpan> secrets{{0, 6}};
  writer->add(b.records().front(), secrets);
  EventBuilder same;
  same.in(1, 5, "secret");
  CHECK(std::ranges::equal(b.records().front(), same.records().front()));
}

TEST_CASE("capture writer: of a tail only the end of a chunked body stays", "[events][capture]") {
  const TempDir dir;
  EventBuilder b;
  const CallOptions cut{.capture_bytes = 4};
  b.in(1, 1, "head12345678secret", cut).in(1, 2, "headerbody\r\n0\r\n\r\n", cut);
  const auto tails = [&](TailBytes policy) {
    {
      auto writer = make_writer(dir.file("t.twcap"));
      for (const auto record : b.records())
        writer->add(record, {}, policy);
    }
    std::vector<std::string> found;
    for (const std::string& line : replay_file(dir.file("t.twcap")).diary.lines) {
      found.push_back(line.substr(6 + offsetof(tw_ev_data, tail), TW_TAIL_BYTES));
    }
    return found;
  };
  CHECK(tails(TailBytes::Mask) == std::vector<std::string>{"xxxxxxxx", "x\r\n0\r\n\r\n"});
  CHECK(tails(TailBytes::Keep) == std::vector<std::string>{"78secret", "y\r\n0\r\n\r\n"});
}

TEST_CASE("capture writer: a full queue drops events and says how many", "[events][capture]") {
  const TempDir dir;
  EventBuilder b;
  b.in(1, 5, std::string(4096, 'q'));
  const auto record = b.records().front();
  constexpr std::uint64_t kAdded = 20'000;
  CaptureStats stats;
  {
    // room for one block: whoever is faster, some will not fit
    auto writer =
        make_writer(dir.file("q.twcap"), {.block_bytes = 64U << 10U, .queue_bytes = 64U << 10U});
    for (std::uint64_t i = 0; i < kAdded; ++i) {
      writer->add(record);
      if (i % 1000 == 0) writer->add_tick(i);
    }
    writer->finish().value();
    stats = writer->stats();
  }
  CHECK(stats.events + stats.dropped_events == kAdded);
  CHECK(stats.dropped_events > 0);
  const Replay back = replay_file(dir.file("q.twcap"));
  CHECK(back.error.empty());
  CHECK(back.stats.events == stats.events);
  CHECK(back.stats.event_bytes == stats.event_bytes);
  CHECK(back.stats.not_recorded == stats.dropped_events);
  CHECK(back.progress.side_records == stats.side_records);
  CHECK(stats.side_records + stats.dropped_side_records == 20);
}

TEST_CASE("capture writer: what is written makes room in the queue again", "[events][capture]") {
  const TempDir dir;
  EventBuilder b;
  b.in(1, 5, std::string(4096, 'q'));
  auto writer =
      make_writer(dir.file("q.twcap"), {.block_bytes = 64U << 10U, .queue_bytes = 128U << 10U});
  // each round is one block and a bit, ten queues in all
  for (std::uint64_t round = 1; round <= 20; ++round) {
    for (int i = 0; i < 16; ++i)
      writer->add(b.records().front());
    REQUIRE(wait_for_blocks(*writer, round + 1));  // the header is a block too
  }
  CHECK(writer->finish());
  CHECK(writer->stats().dropped_events == 0);
  CHECK(writer->stats().events == 320);
}

TEST_CASE("capture writer: drops are told in the middle of the file too", "[events][capture]") {
  const TempDir dir;
  EventBuilder b;
  b.in(1, 5, std::string(100, 'q'));
  const auto record = b.records().front();
  std::uint64_t seen_before_end = 0;
  {
    auto writer = make_writer(dir.file("q.twcap"));
    const std::vector<std::byte> too_short(8);
    std::vector<std::byte> too_long(record.begin(), record.end());
    too_long.resize(too_long.size() + 8);
    writer->add(too_short);
    writer->add(too_long);
    writer->add(record);
    writer->finish().value();
  }
  auto reader = CaptureReader::open(dir.file("q.twcap")).value();
  REQUIRE(reader.next().value().has_value());
  seen_before_end = reader.progress().dropped_events;
  CHECK(seen_before_end == 2);
  CHECK_FALSE(reader.next().value().has_value());
  CHECK(reader.progress().dropped_events == 2);
}

TEST_CASE("capture writer: what is too large is refused and counted", "[events][capture]") {
  const TempDir dir;
  auto writer = make_writer(dir.file("l.twcap"));
  writer->add_side({1, "big", std::string(kMaxBlockBytes, 'x')});
  writer->add_side({1, std::string(kMaxSideNameBytes + 1, 'n'), ""});
  CHECK(writer->stats().dropped_side_records == 2);
  writer->add_side({1, "fits", std::string(kMaxBlockBytes - 24, 'x')});
  writer->finish().value();
  CHECK(writer->stats().side_records == 1);
  const Replay back = replay_file(dir.file("l.twcap"));
  CHECK(back.error.empty());
  CHECK(back.progress.dropped_side_records == 2);
  REQUIRE(back.diary.lines.size() == 1);
  const auto large = CaptureWriter::create(dir.file("h.twcap"),
                                           {.header_json = std::string(kMaxBlockBytes + 1, ' ')});
  REQUIRE_FALSE(large);
  CHECK_THAT(large.error().message(), Contains("too long"));
}

TEST_CASE("capture writer: an idle trace reaches the disk within the flush period",
          "[events][capture]") {
  const TempDir dir;
  auto writer = make_writer(dir.file("i.twcap"), {.flush_period = 20ms});
  EventBuilder b;
  b.in(1, 5, "x");
  writer->add(b.records().front());
  REQUIRE(wait_for_blocks(*writer, 2));
  const Replay so_far = replay_file(dir.file("i.twcap"));
  CHECK(so_far.diary.lines.size() == 1);
  CHECK_THAT(so_far.error, Contains("no end block"));
}

TEST_CASE("capture writer: a killed recorder leaves a readable file", "[events][capture]") {
  const TempDir dir;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto made = CaptureWriter::create(dir.file("k.twcap"),
                                      {.tick_interval_ns = 5'000, .flush_period = 10ms});
    if (!made) ::_exit(1);
    write_sample(**made);
    if (!wait_for_blocks(**made, 5)) ::_exit(2);
    ::raise(SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const Replay rest = replay_file(dir.file("k.twcap"));
  CHECK(rest.code == ErrorCode::Corrupt);
  CHECK(rest.diary.lines == replay_bytes(sample_recording()).diary.lines);
}

TEST_CASE("capture writer: the destructor finishes the file", "[events][capture]") {
  const TempDir dir;
  write_sample(*make_writer(dir.file("d.twcap"), {.tick_interval_ns = 5'000}));
  CHECK(replay_file(dir.file("d.twcap")).progress.complete);
}

TEST_CASE("capture writer: nothing is accepted after finish", "[events][capture]") {
  const TempDir dir;
  auto writer = make_writer(dir.file("f.twcap"));
  CHECK(writer->finish());
  write_sample(*writer);
  CHECK(writer->stats().dropped_events == 5);
  CHECK(writer->stats().dropped_side_records == 3);
  CHECK(writer->finish());
}

TEST_CASE("capture writer: its thread takes no signal away from the program", "[events][capture]") {
  // Blocked here, so only a thread with an open mask could take it, and that would kill us.
  sigset_t only;
  sigset_t before;
  sigemptyset(&only);
  sigaddset(&only, SIGUSR1);
  const TempDir dir;
  auto writer = make_writer(dir.file("s.twcap"));
  REQUIRE(pthread_sigmask(SIG_BLOCK, &only, &before) == 0);
  ::kill(::getpid(), SIGUSR1);
  std::this_thread::sleep_for(20ms);
  const timespec no_wait{};
  CHECK(sigtimedwait(&only, nullptr, &no_wait) == SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("capture writer: a full disk stops the recording, not the trace", "[events][capture]") {
  const TempDir dir;
  // a limit on file size stands for the disk: short write first, then an error
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  struct sigaction ignore {};
  struct sigaction handler_before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGXFSZ, &ignore, &handler_before);
  auto writer = make_writer(dir.file("full.twcap"), {.block_bytes = 64U << 10U});
  rlimit small = before;
  small.rlim_cur = 50'000;
  ::setrlimit(RLIMIT_FSIZE, &small);

  EventBuilder b;
  std::uint64_t state = 1;
  std::string noise(4096, 'n');
  for (int i = 0; i < 100; ++i) {
    for (char& c : noise) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      c = static_cast<char>(state >> 60U);
    }
    b.in(1, static_cast<Ns>(i), noise);
  }
  for (const auto record : b.records())
    writer->add(record);
  const auto done = writer->finish();
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::sigaction(SIGXFSZ, &handler_before, nullptr);

  REQUIRE_FALSE(done);
  CHECK(done.error().code() == ErrorCode::Io);
  CHECK_THAT(done.error().message(), Contains("full.twcap: File too large (EFBIG)"));
  CHECK_THAT(done.error().hint(), Contains("readable recording"));
  CHECK(writer->take_failure().has_value());
  CHECK_FALSE(writer->take_failure().has_value());

  const CaptureStats stats = writer->stats();
  CHECK(stats.events + stats.dropped_events == 100);
  CHECK(stats.dropped_events > 0);
  const Replay rest = replay_file(dir.file("full.twcap"));
  CHECK(rest.stats.events == stats.events);
  CHECK(rest.stats.events > 0);
  CHECK_THAT(rest.error, Contains("no end block"));  // not in the middle of one
  CHECK(std::filesystem::file_size(dir.file("full.twcap")) == stats.file_bytes);
}

TEST_CASE("capture writer: a disk that is full from the start is an error at once",
          "[events][capture]") {
  const auto writer = CaptureWriter::create("/dev/full", {});
  REQUIRE_FALSE(writer);
  CHECK(writer.error().code() == ErrorCode::Io);
  CHECK_THAT(writer.error().message(), Contains("ENOSPC"));
}
