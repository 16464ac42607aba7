// What waits for the moment in which the tree runs here: addresses that come along with it, and TCP connections to others, which must
// neither hear nor say anything before. The order of it is
//
//   1. memories        what the other end of each connection may have got already counts as sent, a FIN too: what is acknowledged must
//                      have been sent (tcp_ack drops the rest)
//   2. links           a network that came along is joined to this host's
//   3. addresses       they are here now
//   4. filters         connections hear what comes
//   5. announcement    neighbours send to this host
//   6. words           TCP_REPAIR ends with a probe; the rest is sent
//   7. segments        that came to the source meanwhile
//
// The keeper does it, not the agent: a tree that stands PREPARED outlives the agent. After COMMIT nothing may fail any more: what does is
// told, and the rest goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sys/fd.h"

namespace godwit {

/** Of one connection. Its data: what was sent and is not acknowledged, then what was not sent yet. */
struct Ending {
  bool reuse = false;     // SO_REUSEADDR, which TCP_REPAIR forgets
  bool fin_sent = false;  // its own end was told behind what was sent
  bool shut = false;      // its own end is to be told behind the rest
  std::size_t sent = 0;   // bytes
  std::size_t unsent = 0;
};

class Speech {
 public:
  /** An order of rtnetlink(7) to the network of a netlink socket. */
  void AddLink(std::uint16_t type, std::string message, Fd by) {
    links_.push_back({type, std::move(message), std::move(by)});
  }
  void AddAddress(std::string message) { addresses_.push_back(std::move(message)); }
  /** In repair mode and behind filters, as many as there are endings. `memory`: their data, one behind the other. */
  void AddConnections(std::vector<Fd> sockets, const std::vector<Ending>& endings, Fd memory);
  /** A memory file as sys/capture.h lays it out. */
  void AddSegments(Fd memory) { segments_.push_back(std::move(memory)); }
  /** Segments in a memory file that come to this host's sockets after RUNNING. 0 or -errno; EADDRNOTAVAIL: their addresses are not here. */
  [[nodiscard]] int Bring(int memory) const;
  /** Tells neighbours of the addresses, now and thrice more (next_announcement_us). */
  void Announce();
  /** CLOCK_MONOTONIC; 0: never. */
  [[nodiscard]] std::int64_t next_announcement_us() const { return next_announcement_us_; }
  /** Once: what was said is forgotten. Returns what failed, for people; empty when nothing did. */
  std::string Run();

 private:
  struct Connection {
    Fd socket;
    Ending ending;
    std::size_t memory;  // which
    std::size_t at;      // of its data in there
  };

  struct Link {
    std::uint16_t type;
    std::string message;
    Fd by;
  };

  std::vector<Link> links_;
  std::vector<std::string> addresses_;
  std::vector<Connection> connections_;
  std::vector<Fd> memories_;
  std::vector<Fd> segments_;
  bool missing_ = false;  // an address could not be put on
  std::size_t announced_ = 0;
  std::int64_t next_announcement_us_ = 0;
};

}  // namespace godwit
