/** Network namespaces for end-to-end tests: machines on a LAN of their own, whose traffic never leaves this one. Needs root. */
import { mustRun, run } from './process.ts'

/** One machine of the LAN. */
export interface LanMachine {
  /** Its address on the LAN. */
  readonly address: string
  /** What to put before a command to run it there. */
  readonly prefix: readonly string[]
}

/**
 * A LAN of two machines, joined by a cable (veth) that also carries multicast. `t.after` takes it down. The names hold the
 * pid, so that runs side by side do not meet.
 */
export async function twoMachines(t: {
  after(fn: () => Promise<void>): void
}): Promise<readonly [LanMachine, LanMachine]> {
  const names = [`pyr${process.pid}a`, `pyr${process.pid}b`] as const
  const addresses = ['10.213.7.1', '10.213.7.2'] as const
  t.after(async () => {
    for (const name of names) await run('ip', ['netns', 'delete', name])
  })
  for (const name of names) await mustRun('ip', ['netns', 'add', name])
  await mustRun('ip', ['-n', names[0], 'link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'lan', 'netns', names[1]])
  for (const [index, name] of names.entries()) {
    for (const command of [
      `addr add ${addresses[index]}/24 dev lan`,
      'link set lan up',
      'link set lo up',
      'route add 224.0.0.0/4 dev lan',
    ]) {
      await mustRun('ip', ['-n', name, ...command.split(' ')])
    }
  }
  return [machine(names[0], addresses[0]), machine(names[1], addresses[1])]
}

function machine(name: string, address: string): LanMachine {
  return { address, prefix: ['ip', 'netns', 'exec', name] }
}
