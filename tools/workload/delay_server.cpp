// An HTTP/1.1 server that spends known time on each request, as the path says (kWords lists the
// steps: /sleep/10ms, /burn/5ms/size/2000, /chunked/3x100, ...), and writes its own truth to a
// file: the oracle for latencies. One thread or process per connection. It knows nothing of
// tracers.
//
//   delay_server [--listen 127.0.0.1:0] [--truth FILE] [--fork]     prints "listening ADDRESS"
//   kill -USR2: it execs itself and serves on.
//
// Truth, one line per request, stamps in CLOCK_MONOTONIC ns taken outside the calls:
//   id method target status tid bytes_in bytes_out read_first read_last worked
//   first_write_begin first_write_end last_write_begin last_write_end
// `worked` is how long sleep and burn really took. id is x-request-id, or "-".
#include "connection.h"
#include "http_text.h"
#include "plan.h"
#include "serve.h"

#include <sys/mman.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <string>
#include <unistd.h>

namespace {

using namespace workload;

using Argument = StepWord::Argument;

constexpr StepWord kWords[] = {
    {"sleep", Step::Kind::Sleep, Argument::Duration},         // sleep before answering
    {"burn", Step::Kind::Burn, Argument::Duration},           // use the CPU before answering
    {"status", Step::Kind::Status, Argument::Count},          // answer with this status
    {"size", Step::Kind::Size, Argument::Size},               // a body of so many bytes
    {"chunked", Step::Kind::Chunked, Argument::CountBySize},  // chunks, one write each
    {"writes", Step::Kind::Writes, Argument::CountBySize},    // a sized body in so many writes
    {"sendfile", Step::Kind::SendFile, Argument::Size},       // a body by sendfile(2)
    {"gap", Step::Kind::Gap, Argument::Duration},             // sleep between chunks or writes
    {"close", Step::Kind::Close, Argument::Size},             // a body that the close ends
    {"drop", Step::Kind::Drop, Argument::None},               // close instead of answering
    {"reset", Step::Kind::Reset, Argument::None},             // reset instead of answering
    {"early", Step::Kind::Early, Argument::None},             // answer before reading the body
};

struct Answer {
  std::uint64_t status = 200;
  Step body{.kind = Step::Kind::Size, .size = 2};
  Ns gap = 0;
  Ns worked = 0;
  bool early = false;
};

int g_truth = -1;
int g_file = -1;  // zeros, for sendfile
std::string g_zeros;

void burn(Ns length) {
  const Ns end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + length;
  while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end) {
  }
}

void work(const std::vector<Step>& plan, Answer& answer) {
  for (const Step& step : plan) {
    const Ns begin = now_ns();
    if (step.kind == Step::Kind::Sleep) sleep_until(begin + step.length);
    if (step.kind == Step::Kind::Burn) burn(step.length);
    if (step.kind == Step::Kind::Sleep || step.kind == Step::Kind::Burn)
      answer.worked += now_ns() - begin;
  }
}

Answer answer_of(const std::vector<Step>& plan) {
  Answer answer;
  for (const Step& step : plan) {
    switch (step.kind) {
      case Step::Kind::Sleep:
      case Step::Kind::Burn:
        break;
      case Step::Kind::Status:
        answer.status = step.count;
        break;
      case Step::Kind::Gap:
        answer.gap = step.length;
        break;
      case Step::Kind::Early:
        answer.early = true;
        break;
      default:
        answer.body = step;
    }
  }
  return answer;
}

bool has_body(const Request& request, const Answer& answer) {
  return request.method != "HEAD" && answer.status != 204 && answer.status != 304;
}

void pause_between(const Answer& answer, bool last) {
  if (answer.gap != 0 && !last) sleep_until(now_ns() + answer.gap);
}

// The head and, where that makes one write of it, the body.
bool respond(Connection& connection, const Request& request, const Answer& answer) {
  const Step& body = answer.body;
  const bool bodied = has_body(request, answer);
  std::string head = fmt::format("HTTP/1.1 {} Status\r\nServer: delay\r\n", answer.status);
  const std::uint64_t total = body.kind == Step::Kind::Writes ? body.count * body.size : body.size;
  if (body.kind == Step::Kind::Chunked) {
    head += "Transfer-Encoding: chunked\r\n\r\n";
  } else if (body.kind == Step::Kind::Close) {
    head += "Connection: close\r\n\r\n";
  } else if (answer.status == 204) {
    head += "\r\n";
  } else {
    head += fmt::format("Content-Length: {}\r\n\r\n", total);
  }
  const auto zeros = [](std::uint64_t size) {
    return std::string_view(g_zeros).substr(0, std::min<std::uint64_t>(size, g_zeros.size()));
  };
  if (!bodied) return connection.write(head);
  if (body.kind == Step::Kind::Size || body.kind == Step::Kind::Close) {
    head += zeros(body.size);
    return connection.write(head);
  }
  if (!connection.write(head)) return false;
  if (body.kind == Step::Kind::SendFile) return connection.send_file(g_file, body.size);
  for (std::uint64_t i = 0; i < body.count; ++i) {
    pause_between(answer, false);
    std::string part(zeros(body.size));
    if (body.kind == Step::Kind::Chunked) part = fmt::format("{:x}\r\n{}\r\n", body.size, part);
    if (!connection.write(part)) return false;
  }
  if (body.kind != Step::Kind::Chunked) return true;
  pause_between(answer, false);
  return connection.write("0\r\n\r\n");
}

void write_truth(const Request& request, const Answer& answer, const Written& written) {
  if (g_truth < 0) return;
  const std::string line = fmt::format(
      "{} {} {} {} {} {} {} {} {} {} {} {} {} {}\n", request.id.empty() ? "-" : request.id,
      request.method, request.target, answer.status, gettid(), request.bytes, written.bytes,
      request.read_first, request.read_last, answer.worked, written.first_begin, written.first_end,
      written.last_begin, written.last_end);
  // one write of an O_APPEND file: whole lines from all threads and processes
  if (write(g_truth, line.data(), line.size()) < 0) die("truth");
}

// False: the connection ends.
bool serve_one(Connection& connection) {
  Request request;
  if (!connection.read_head(request)) return false;
  const auto plan = parse_plan(kWords, request.target);
  Answer answer;
  if (plan) {
    answer = answer_of(*plan);
  } else {
    answer.status = 404;
  }
  if (!answer.early && !connection.read_body(request)) return false;
  if (plan) work(*plan, answer);
  if (answer.body.kind == Step::Kind::Reset) connection.reset_on_close();
  if (answer.body.kind == Step::Kind::Reset || answer.body.kind == Step::Kind::Drop) return false;
  bool sent = respond(connection, request, answer);
  if (sent && answer.early) sent = connection.read_body(request);
  write_truth(request, answer, connection.written);
  return sent && request.keep_alive && answer.body.kind != Step::Kind::Close;
}

void handle(int fd) {
  prctl(PR_SET_TIMERSLACK, 1);  // sleeps end when they should
  Connection connection(fd);
  while (serve_one(connection)) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  Address address = parse_address("127.0.0.1:0");
  ServeOptions options{.exec_again = argv};
  int inherited = -1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const bool more = i + 1 < argc;
    if (arg == "--listen" && more) {
      address = parse_address(argv[++i]);
    } else if (arg == "--truth" && more) {
      g_truth = open(argv[++i], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
      if (g_truth < 0) die("truth");
    } else if (arg == "--fork") {
      options.per_connection = PerConnection::Fork;
    } else if (arg.starts_with("--inherit=")) {
      inherited = std::atoi(argv[i] + std::strlen("--inherit="));
    } else {
      std::fprintf(stderr, "usage: delay_server [--listen ADDRESS] [--truth FILE] [--fork]\n");
      return 2;
    }
  }
  g_zeros.assign(32 << 20, '0');
  g_file = memfd_create("zeros", MFD_CLOEXEC);
  if (g_file < 0 || ftruncate(g_file, 64 << 20) != 0) die("memfd");
  serve(address, inherited, options, handle);
}
