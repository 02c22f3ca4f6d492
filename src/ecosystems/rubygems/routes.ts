/** The paths of a gem server: the compact index, the older indexes, quick specifications and files. Names are checked here. */
import type { Want } from '../../base/located.ts'
import type { Route } from '../ecosystem.ts'
import { readFullName, readGemName } from './names.ts'

const READ = ['GET', 'HEAD'] as const

/** One upstream serves all gems. */
export const GEM_UPSTREAM = 'rubygems'

/** First match wins. */
export const gemRoutes: readonly Route[] = [
  // `gem` asks for the root by HEAD to learn whether there is a compact index below it.
  { methods: READ, pattern: /^\/?$/, want: root },
  { methods: READ, pattern: /^\/(?<what>versions|names)$/, want: ({ what = '' }) => document({ what }) },
  {
    methods: READ,
    pattern: /^\/info\/(?<name>[^/]+)$/,
    want: ({ name = '' }) => document({ what: 'info', name: readGemName(name) }),
  },
  {
    methods: READ,
    pattern: /^\/gems\/(?<file>[^/]+)\.gem$/,
    want: ({ file = '' }) => ({ kind: 'artifact', upstream: GEM_UPSTREAM, params: { file: readFullName(file) } }),
  },
  {
    methods: READ,
    pattern: /^\/quick\/Marshal\.4\.8\/(?<file>[^/]+)\.gemspec\.rz$/,
    want: ({ file = '' }) => document({ what: 'quick', file: readFullName(file) }),
  },
  {
    methods: READ,
    pattern: /^\/(?<list>(?:latest_|prerelease_)?specs\.4\.8\.gz)$/,
    want: ({ list = '' }) => document({ what: 'list', list }),
  },
  {
    methods: READ,
    pattern: /^\/api\//,
    want: () => unsupported('this node serves installs by the compact index; ask the registry itself for its API'),
  },
  {
    methods: ['POST', 'PUT', 'PATCH', 'DELETE'],
    pattern: /^/,
    want: () => unsupported('this node serves installs only; push, yank and sign in at the registry itself'),
  },
]

function root(): Want {
  const body = 'Pyrsia serves gems here\n'
  return { kind: 'ping', reply: { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body } }
}

function document(params: Readonly<Record<string, string>>): Want {
  return { kind: 'document', upstream: GEM_UPSTREAM, params }
}

function unsupported(message: string): Want {
  return { kind: 'unsupported', reason: { code: 'unsupported', message } }
}
