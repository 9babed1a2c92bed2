// Files of other processes: found below their root, and only if they can do no harm.
#include "symbols/elf_file.h"
#include "symbols/process_images.h"
#include "symbols/root_file.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "tailwhy-symbols-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  [[nodiscard]] std::string at(const std::string& name) const { return path_ / name; }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(at(name)).parent_path());
    std::ofstream(at(name), std::ios::binary) << text;
  }

 private:
  fs::path path_;
};

std::string content(const UniqueFd& fd) {
  std::string text(4096, '\0');
  const ssize_t got = read(fd.get(), text.data(), text.size());
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

std::string own_program() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::unique_ptr<ElfFile> open_bytes(const Folder& folder, const std::string& bytes) {
  folder.write("file", bytes);
  return ElfFile::open(open_regular(folder.at("file")));
}

}  // namespace

TEST_CASE("root: names are looked up below it, links included", "[symbols]") {
  const Folder folder;
  folder.write("usr/lib/libshop.so", "inside");
  fs::create_symlink("/usr/lib/libshop.so", folder.at("absolute"));
  fs::create_symlink("../../../../../../etc/passwd", folder.at("outside"));
  const UniqueFd root = open_root(folder.at(""));
  REQUIRE(static_cast<bool>(root));
  CHECK(content(open_below(root.get(), "/usr/lib/libshop.so")) == "inside");
  CHECK(content(open_below(root.get(), "/absolute")) == "inside");
  CHECK(content(open_below(root.get(), "/../../usr/lib/libshop.so")) == "inside");
  CHECK_FALSE(static_cast<bool>(open_below(root.get(), "/outside")));
  CHECK_FALSE(static_cast<bool>(open_below(root.get(), "/nowhere")));
}

TEST_CASE("root: what is no regular file is not opened, and nothing waits for it", "[symbols]") {
  const Folder folder;
  REQUIRE(mkfifo(folder.at("pipe").c_str(), 0600) == 0);
  fs::create_directories(folder.at("folder"));
  const UniqueFd root = open_root(folder.at(""));
  CHECK_FALSE(static_cast<bool>(open_below(root.get(), "/pipe")));
  CHECK_FALSE(static_cast<bool>(open_below(root.get(), "/folder")));
  CHECK_FALSE(static_cast<bool>(open_regular("/dev/null")));
  CHECK_FALSE(static_cast<bool>(open_root(folder.at("pipe"))));
}

TEST_CASE("images: a file that is another one now is not taken for it", "[symbols]") {
  const Folder folder;
  folder.write("libshop.so", "one");
  struct stat info {};
  REQUIRE(stat(folder.at("libshop.so").c_str(), &info) == 0);
  ProcessImages images;
  const auto self = static_cast<std::uint32_t>(getpid());
  images.look(self);
  const ProcessImage& image = *images.find(self);
  CHECK(content(images.open_file(image, folder.at("libshop.so"), info.st_ino)) == "one");
  folder.write("new", "two");
  fs::rename(folder.at("new"), folder.at("libshop.so"));
  CHECK_FALSE(static_cast<bool>(images.open_file(image, folder.at("libshop.so"), info.st_ino)));
  CHECK(content(images.open_file(image, folder.at("libshop.so"), 0)) == "two");
}

TEST_CASE("images: a child has its parent's until it is looked at", "[symbols]") {
  ProcessImages images;
  const auto self = static_cast<std::uint32_t>(getpid());
  images.look(self);
  images.inherit(self, 0x7fffffff);
  REQUIRE(images.find(0x7fffffff) != nullptr);
  CHECK(images.find(0x7fffffff)->mappings == images.find(self)->mappings);
  images.inherit(1'234'567'890, 5);
  CHECK(images.find(5) == nullptr);
}

TEST_CASE("elf: what is none, or is cut off anywhere, does no harm", "[symbols]") {
  const Folder folder;
  CHECK(open_bytes(folder, "") == nullptr);
  CHECK(open_bytes(folder, "#!/bin/sh\n") == nullptr);
  CHECK(open_bytes(folder, std::string("\x7f") + "ELF") == nullptr);
  const std::string program = own_program();
  REQUIRE(program.size() > 4096);
  for (const std::size_t size : {16UL, 63UL, 64UL, 100UL, 1000UL, 4096UL, program.size() / 2}) {
    auto file = open_bytes(folder, program.substr(0, size));
    if (file != nullptr) static_cast<void>(file->function_at(0x1000));
  }
  std::string changed = program;
  for (std::size_t at = 16; at < 64; ++at) {  // each byte of its head
    changed[at] = static_cast<char>(changed[at] ^ 0x55);
    auto file = open_bytes(folder, changed);
    if (file != nullptr) {
      static_cast<void>(file->function_at(0x1000));
      static_cast<void>(file->address_of(0x1000));
    }
    changed[at] = program[at];
  }
}

TEST_CASE("elf: this program says what it is", "[symbols]") {
  auto file = ElfFile::open(open_regular("/proc/self/exe"));
  REQUIRE(file != nullptr);
  CHECK(file->has_all_symbols());
  CHECK(file->has_debug_info());
  CHECK(file->build_id().size() >= 16);
  CHECK(file->alternate().empty());
}
