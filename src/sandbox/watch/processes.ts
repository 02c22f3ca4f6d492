/** What the processes of a step use, read through the step's own `/proc`: it lists them and no others. */
import { readdirSync, readFileSync, type Stats, statfsSync, statSync } from 'node:fs'

/** The use of a step. */
export interface ProcessUse {
  /** Processes and threads, the runner's included. */
  readonly threadCount: number
  /** Private memory of all of them, bytes; what forks share is counted for each. */
  readonly memoryBytes: number
  /** What lies in the folders that are in memory. */
  readonly folderBytes: number
}

const PAGE_BYTES = 4096
const BLOCK_BYTES = 512
const MEMORY_FOLDERS = ['tmp', 'dev/shm']

/** Measures; `pid` is the step's first process as seen outside. Undefined: it is gone. */
export function measureProcesses(pid: number): ProcessUse | undefined {
  const root = rootOf(pid)
  if (root === undefined) return undefined
  let threadCount = 0
  let memoryBytes = 0
  let folderBytes = 0
  try {
    for (const name of readdirSync(`${root}/proc`)) {
      if (!/^\d+$/.test(name)) continue
      const use = measureOne(`${root}/proc/${name}`)
      threadCount += use.threadCount
      memoryBytes += use.memoryBytes
    }
    for (const folder of MEMORY_FOLDERS) {
      const { blocks, bfree, bsize } = statfsSync(`${root}/${folder}`)
      folderBytes += (blocks - bfree) * bsize
    }
  } catch {
    return undefined
  }
  return { threadCount, memoryBytes, folderBytes }
}

/** Private memory as the kernel shares it out among forks: exact, and dear to ask for. */
export function shareOfMemory(pid: number): number {
  const root = rootOf(pid)
  let memoryBytes = 0
  if (root === undefined) return memoryBytes
  for (const name of namesIn(`${root}/proc`)) {
    if (!/^\d+$/.test(name)) continue
    try {
      const text = readFileSync(`${root}/proc/${name}/smaps_rollup`, 'latin1')
      const [, anonymous = '0'] = /^Pss_Anon:\s+(\d+) kB/m.exec(text) ?? []
      memoryBytes += Number(anonymous) * 1024
    } catch {}
  }
  return memoryBytes
}

/**
 * Where the step's own tree is seen; undefined if it is gone, or not in it yet: bubblewrap tells of its child before it has moved it,
 * and on a busy machine a look can come in between and would see, in `/proc`, everything that runs on the machine.
 */
function rootOf(pid: number): string | undefined {
  const root = `/proc/${pid}/root`
  const [own, machine] = [factsOf(root), factsOf('/')]
  const isMoved = own !== undefined && (own.dev !== machine?.dev || own.ino !== machine.ino)
  return isMoved ? root : undefined
}

function measureOne(folder: string): Omit<ProcessUse, 'folderBytes'> {
  try {
    const stat = readFileSync(`${folder}/stat`, 'latin1')
    // A name may hold anything, also parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [, resident = '0', shared = '0'] = readFileSync(`${folder}/statm`, 'latin1').split(' ')
    return { threadCount: Number(fields[17]), memoryBytes: (Number(resident) - Number(shared)) * PAGE_BYTES }
  } catch {
    return { threadCount: 0, memoryBytes: 0 }
  }
}

/**
 * What lies in files that have no name any more, or never had one, but are held open by a process of the step: on the disk of
 * device `disk`, and in memory. Neither a count of the tree nor the memory of the processes shows them.
 */
export function measureNameless(
  pid: number,
  disk: number,
): { readonly diskBytes: number; readonly memoryBytes: number } {
  const tree = rootOf(pid)
  if (tree === undefined) return { diskBytes: 0, memoryBytes: 0 }
  const root = `${tree}/proc`
  const counted = MEMORY_FOLDERS.map((folder) => factsOf(`/proc/${pid}/root/${folder}`)?.dev)
  const seen = new Set<string>()
  let diskBytes = 0
  let memoryBytes = 0
  for (const name of namesIn(root)) {
    if (!/^\d+$/.test(name)) continue
    for (const descriptor of namesIn(`${root}/${name}/fd`)) {
      const facts = factsOf(`${root}/${name}/fd/${descriptor}`)
      if (facts === undefined || !facts.isFile() || facts.nlink > 0 || seen.has(`${facts.dev}:${facts.ino}`)) continue
      seen.add(`${facts.dev}:${facts.ino}`)
      if (facts.dev === disk) diskBytes += facts.blocks * BLOCK_BYTES
      else if (!counted.includes(facts.dev)) memoryBytes += facts.blocks * BLOCK_BYTES
    }
  }
  return { diskBytes, memoryBytes }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function factsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
