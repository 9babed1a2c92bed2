#include "cli/terminal.h"

#include "base/text.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

namespace tailwhy {

namespace {

std::string_view env(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value != nullptr ? value : "";
}

bool utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = env(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != value.npos || value.find("utf8") != value.npos ||
           value.find("UTF8") != value.npos;
  }
  return false;
}

bool wants_colour(const Options& o, int fd) {
  if (o.colour != When::Auto) return o.colour == When::Always;
  if (!env("NO_COLOR").empty()) return false;
  if (!env("CLICOLOR_FORCE").empty() && env("CLICOLOR_FORCE") != "0") return true;
  return isatty(fd) == 1 && env("TERM") != "dumb" && !env("TERM").empty();
}

}  // namespace

Result<> write_all(int fd, std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::from_errno(fmt::format("write to {}", name), errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Style style_for(const Options& o, int fd) {
  return {.colour = wants_colour(o, fd),
          .charset = o.ascii || !utf8_locale() ? Charset::Ascii : Charset::Utf8};
}

void log_notice(const Options& o, std::string_view sentence) {
  if (!o.quiet) fmt::print(stderr, "tailwhy: {}\n", escape_terminal(sentence));
}

Progress::Progress(const Options& options)
    : options_(options),
      redraws_(options.profile && !options.quiet && isatty(STDERR_FILENO) == 1) {}

void Progress::start(const RunInfo& info) {
  const bool tell = isatty(STDERR_FILENO) == 1 || options_.verbose > 0;
  if (options_.quiet || !tell) return;
  fmt::print(stderr, "tailwhy: tracing {}{}\n", escape_terminal(info.target_text),
             options_.duration_ns != 0
                 ? fmt::format(" for {}", format_duration_ns(options_.duration_ns))
                 : "; Ctrl-C ends it");
}

void Progress::update(Ns elapsed_ns, const Report& total) {
  if (!redraws_) return;
  constexpr std::size_t kBar = 20;
  std::string bar;
  if (options_.duration_ns != 0) {
    const double share =
        std::min(1.0, static_cast<double>(elapsed_ns) / static_cast<double>(options_.duration_ns));
    const auto full = static_cast<std::size_t>(share * kBar);
    bar = "[" + std::string(full, '#') + std::string(kBar - full, ' ') + "] ";
  }
  fmt::print(stderr, "\r{}{:.1f} s  {} requests  {} lost\x1b[K", bar,
             static_cast<double>(elapsed_ns) / 1e9, total.server.seen, total.lost());
  std::fflush(stderr);
  shown_ = true;
}

void Progress::stop() {
  if (!shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

}  // namespace tailwhy
