/**
 * The systemd units of a node: a socket for each port and the service that they start when a client asks. The sockets stay open
 * while the node is down, so that its clients wait for it instead of failing. Pure. Sources: systemd.socket(5), systemd.exec(5).
 */

/** What the units are made from. */
export interface UnitsOf {
  /** The program and its arguments up to the command. */
  readonly program: readonly string[]
  readonly data: string
  /** By name of the setting; ports are fixed. */
  readonly ports: ReadonlyArray<{ readonly setting: string; readonly host: string; readonly port: number }>
  /** True: of the machine, run by a user of its own; false: of the present user. */
  readonly system: boolean
}

/** A unit file. */
export interface Unit {
  readonly name: string
  readonly text: string
}

/** The name of the service. */
export const SERVICE_NAME = 'pyrsia.service'
/** Unit files that `serviceUnits` may have made, of whatever ports. */
export const UNIT_NAME: RegExp = /^pyrsia(?:-[a-z0-9-]*port\.socket|\.service)$/

/** The units, sockets first. */
export function serviceUnits(options: UnitsOf): readonly Unit[] {
  const sockets = options.ports.map(({ setting, host, port }) => ({
    name: `pyrsia-${setting}.socket`,
    text: lines(
      '[Unit]',
      `Description=Pyrsia, port of the setting ${setting}`,
      '',
      '[Socket]',
      `ListenStream=${host.includes(':') ? `[${host}]` : host}:${port}`,
      `FileDescriptorName=${setting}`,
      `Service=${SERVICE_NAME}`,
      'Backlog=1024',
      'NoDelay=true',
      '',
      '[Install]',
      'WantedBy=sockets.target',
    ),
  }))
  return [...sockets, { name: SERVICE_NAME, text: serviceText(options, sockets) }]
}

function serviceText({ program, data, system }: UnitsOf, sockets: readonly Unit[]): string {
  const names = sockets.map(({ name }) => name).join(' ')
  const own = system ? ['DynamicUser=yes', 'StateDirectory=pyrsia', 'ProtectHome=read-only'] : []
  return lines(
    '[Unit]',
    'Description=Pyrsia, a node of the decentralized package network',
    `Requires=${names}`,
    `After=${names} network.target`,
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${[...program, 'start', '--data', data].map(quoted).join(' ')}`,
    `Sockets=${names}`,
    'Restart=on-failure',
    'RestartSec=1',
    // A drain of 5 s and a stop of 15 s, with some air.
    'TimeoutStopSec=25',
    'NoNewPrivileges=yes',
    'UMask=0077',
    ...own,
  )
}

/** A word of a command line as systemd reads it: quotes, and specifiers and variables taken literally. */
function quoted(word: string): string {
  const literal = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')
  return `"${literal}"`
}

function lines(...texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('')
}
