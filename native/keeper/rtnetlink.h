// Addresses and routes of this host, by rtnetlink(7). Messages are those that the kernel itself has told, or that follow its layout
// (struct ifaddrmsg or rtmsg, then attributes): the agent reads and writes them, the keeper only sends them.
#pragma once

#include <cstdint>
#include <string_view>

namespace godwit {

/** RTM_NEWADDR; that it is there already is no error. 0 or -errno. */
int PutAddress(std::string_view message);

/**
 * Neighbours, who remember for minutes where it was (arp(7), gc_stale_time), hear of it: by a gratuitous ARP, or an unsolicited neighbour
 * advertisement (RFC 5227, RFC 4861 7.2.6). What cannot be told is lost: it is asked for again in the end.
 */
void AnnounceAddress(std::string_view message);

/** Segments for the address of an RTM_NEWADDR come to this host's sockets. */
bool IsAddressHere(std::string_view message);

/** RTM_NEWROUTE; that it is there already is no error. 0 or -errno. */
int PutRoute(std::string_view message);

/**
 * RTM_SETLINK, RTM_NEWADDR or RTM_NEWROUTE to the network that the netlink socket `by` is of; -1: to this process's. That something is there
 * already is no error. 0 or -errno.
 */
int GiveOrder(std::uint16_t type, std::string_view message, int by);

}  // namespace godwit
