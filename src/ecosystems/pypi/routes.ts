/** What package installers read of an index: pages and files. Names are checked here, before any look-up. */
import type { Want } from '../../base/located.ts'
import type { Route } from '../ecosystem.ts'
import { escapedFile, normalName, readFileName, readProjectName } from './names.ts'

const READ = ['GET', 'HEAD'] as const

/** Where the registry port serves this ecosystem. */
export const PYPI_PREFIX = '/pypi'
/** One upstream serves all projects. */
export const PYPI_UPSTREAM = 'pypi'

/** What may stand beside a file: metadata (PEP 658), attestations (PEP 740), a signature (PEP 503). */
export const SIDECARS = ['metadata', 'provenance', 'asc'] as const
/** One of `SIDECARS`. */
export type Sidecar = (typeof SIDECARS)[number]

/** First match wins. */
export const pypiRoutes: readonly Route[] = [
  { methods: READ, pattern: /^\/simple\/$/, want: () => document({ what: 'list' }) },
  { methods: READ, pattern: /^\/simple$/, want: () => moved('/simple/') },
  { methods: READ, pattern: /^\/simple\/(?<name>[^/]+)(?<slash>\/)?$/, want: page },
  {
    methods: READ,
    pattern: /^(?<folder>\/packages\/[0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{60})\/(?<file>[^/]+)$/,
    want: ({ folder = '', file = '' }) =>
      fileAt(readFileName(file), (name) => ({ place: `${folder}/${escapedFile(name)}` })),
  },
  {
    methods: READ,
    pattern: /^\/files\/(?<name>[^/]+)\/(?<key>[0-9a-f]{64}|u[0-9a-f]{40})\/(?<file>[^/]+)$/,
    want: keyed,
  },
  {
    methods: READ,
    pattern: /^\/files\/(?<name>[^/]+)\/(?<sha256>[0-9a-f]{64})$/,
    want: ({ name = '', sha256 = '' }) => artifact({ project: normalName(readProjectName(name)), sha256 }),
  },
  {
    methods: ['POST', 'PUT', 'PATCH', 'DELETE'],
    pattern: /^/,
    want: () => unsupported('this node serves installs only; upload at the index itself'),
  },
]

type Groups = Readonly<Record<string, string>>
type Params = Readonly<Record<string, string>>

function page({ name = '', slash }: Groups): Want {
  const written = readProjectName(name)
  const normal = normalName(written)
  // Clients take the address of the page for the base of its links: it must end with a slash (PEP 503).
  return normal === name && slash !== undefined ? document({ what: 'page', name: normal }) : moved(`/simple/${normal}/`)
}

function keyed({ name = '', key = '', file = '' }: Groups): Want {
  const project = normalName(readProjectName(name))
  return fileAt(readFileName(file), (bare) => ({ project, place: `/files/${project}/${key}/${escapedFile(bare)}` }))
}

/** A file or what stands beside it. Metadata is a file of its own, with a digest; the others are documents of upstream. */
function fileAt(named: string, placed: (file: string) => Params): Want {
  const sidecar = SIDECARS.find((each) => named.endsWith(`.${each}`))
  const file = sidecar === undefined ? named : named.slice(0, -sidecar.length - 1)
  const params = { file, ...placed(file) }
  if (sidecar === undefined) return artifact(params)
  return sidecar === 'metadata' ? artifact({ ...params, sidecar }) : document({ what: 'sidecar', ...params, sidecar })
}

function artifact(params: Params): Want {
  return { kind: 'artifact', upstream: PYPI_UPSTREAM, params }
}

function document(params: Params): Want {
  return { kind: 'document', upstream: PYPI_UPSTREAM, params }
}

function moved(path: string): Want {
  const headers = { location: `${PYPI_PREFIX}${path}`, 'cache-control': 'max-age=3600' }
  return { kind: 'ping', reply: { status: 301, headers, body: '' } }
}

function unsupported(message: string): Want {
  return { kind: 'unsupported', reason: { code: 'unsupported', message } }
}
