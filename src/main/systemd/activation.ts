/**
 * Sockets that systemd opened for the node and hands it when it starts it (sd_listen_fds(3)): descriptors from 3 on, named by
 * `FileDescriptorName=` of their units, which `units.ts` sets to the names of the port settings. Pure.
 */

/** The first descriptor (SD_LISTEN_FDS_START). */
const FIRST_FD = 3
/** A node has a handful of ports. */
const FDS_MAX = 64

/** Descriptors by the name of the setting whose port they listen on; empty unless they are meant for the process `pid`. */
export function inheritedSockets(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): ReadonlyMap<string, number> {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = environment
  const count = Number(LISTEN_FDS)
  if (Number(LISTEN_PID) !== pid || !Number.isInteger(count) || count < 1 || count > FDS_MAX) return new Map()
  const names = LISTEN_FDNAMES.split(':').slice(0, count)
  return new Map(names.map((name, index) => [name, FIRST_FD + index]))
}
