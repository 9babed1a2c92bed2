// Things that are made when they are first needed and used again by whoever comes next: one user
// at a time, any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace workload {

template <typename Thing>
class Spare {
 public:
  explicit Spare(std::function<std::unique_ptr<Thing>()> make) : make_(std::move(make)) {}

  std::unique_ptr<Thing> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!things_.empty()) {
        auto thing = std::move(things_.back());
        things_.pop_back();
        return thing;
      }
    }
    return make_();
  }

  void give_back(std::unique_ptr<Thing> thing) {
    const std::lock_guard lock(mutex_);
    things_.push_back(std::move(thing));
  }

 private:
  std::function<std::unique_ptr<Thing>()> make_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Thing>> things_;
};

}  // namespace workload
