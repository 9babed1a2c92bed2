#include "app/slow_requests.h"

#include "sinks/folded.h"
#include "symbols/symbolizer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <unistd.h>
#include <utility>

namespace tailwhy {

namespace {

// Unwinding a stack takes some 10 us of the thread that reads the ring.
constexpr int kUnwoundPerTick = 5000;
// Naming everything in programs with much debug information could take minutes; what has not got
// its line by then has the name of its function.
constexpr Ns kNamingNs = 20 * kNsPerSec;

std::string read_file(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

void SlowRequests::on_tick() {
  images_.look_again();
  unwound_ = 0;
}

void SlowRequests::on_request(const Request& request, ConnTable& conns) {
  if (request.role == Role::Client || request.outcome != Outcome::Matched) return;
  if (!rule_.is_slow(request.duration())) return;
  profile_.begin_request(request.duration());
  const bool whole = conns.for_each_stack(
      request, [this](const StackSample& sample, Part part, Ns ns) { add(sample, part, ns); });
  if (!whole) ++too_old_;
}

void SlowRequests::add(const StackSample& sample, Part part, Ns ns) {
  if (ns == 0) return;
  if (unwound_ >= kUnwoundPerTick) {
    ++hurried_;
    return;
  }
  ++unwound_;
  profile_.add(key_of(sample, part), ns);
}

// Its top is unwound now, so that only addresses are kept of the target's memory. A zero at its end
// says that the kernel's walk is not to be believed.
StackKey SlowRequests::key_of(const StackSample& sample, Part part) {
  const tw_ev_stack& stack = sample.stack;
  StackKey key{stack.pid, part, stack.user_stack, stack.kernel_stack, {}};
  if (stack.ip == 0) return key;
  const ProcessImage* image = images_.find(stack.pid);
  if (image == nullptr) {
    images_.look(stack.pid);
    image = images_.find(stack.pid);
  }
  key.top.push_back(stack.ip);
  if (image == nullptr) return key;
  const std::span<const std::byte> top(reinterpret_cast<const std::byte*>(stack.top),
                                       stack.top_bytes);
  Unwound unwound = unwind_top({stack.ip, stack.sp, stack.bp, top}, *image, files_);
  key.top = std::move(unwound.frames);
  if (!unwound.chain_holds) key.top.push_back(0);
  return key;
}

std::vector<std::uint64_t> SlowRequests::user_stack(const StackKey& key) const {
  if (key.top.empty()) return {};
  Unwound top{key.top, key.top.back() != 0};
  if (!top.chain_holds) top.frames.pop_back();
  std::vector<std::uint64_t> chain = config_.read_stack(key.user_stack);
  // the kernel's side leaves the place itself out where two stacks would be one
  if (!chain.empty() && chain.front() != top.frames.front()) {
    chain.insert(chain.begin(), top.frames.front());
  }
  return join_stacks(top, chain);
}

SlowStacks SlowRequests::finish() {
  SlowStacks result;
  result.wanted = true;
  result.requests = profile_.requests();
  result.total_ns = profile_.total_ns();
  result.slow_from_ns = rule_.threshold_ns();
  result.not_kept = profile_.not_kept() + hurried_;
  result.too_old = too_old_;
  result.cpu_known = config_.cpu_known;
  if (profile_.stacks().empty()) return result;

  Symbolizer symbolizer(images_, files_);
  symbolizer.set_kernel(KernelSymbols::parse(read_file("/proc/kallsyms")));
  const Ns until = mono_now() + kNamingNs;
  symbolizer.set_deadline([until] { return mono_now() > until; });
  for (const auto& [key, weight] : profile_.stacks()) {
    SlowStack stack;
    stack.pid = key.pid;
    const ProcessImage* image = images_.find(key.pid);
    stack.comm = image != nullptr ? image->comm : std::to_string(key.pid);
    stack.part = key.part;
    stack.ns = weight.ns;
    stack.samples = weight.samples;
    stack.requests = weight.requests;
    stack.frames = symbolizer.kernel_frames(config_.read_stack(key.kernel_stack));
    auto user = symbolizer.user_frames(key.pid, user_stack(key));
    stack.frames.insert(stack.frames.end(), std::make_move_iterator(user.begin()),
                        std::make_move_iterator(user.end()));
    result.stacks.push_back(std::move(stack));
  }
  std::stable_sort(result.stacks.begin(), result.stacks.end(),
                   [](const SlowStack& a, const SlowStack& b) { return a.ns > b.ns; });
  return result;
}

Result<> write_folded(const SlowStacks& stacks, int fd, const std::string& path) {
  const std::string text = format_folded(stacks);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Error::from_errno("write " + path, errno, ErrorCode::Io);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace tailwhy
