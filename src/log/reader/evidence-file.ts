/**
 * Evidence of split views on the disk: a file each, named by what it shows, written whole and synced before it counts. A person
 * who has settled the matter takes the files away. Adapter: node:fs.
 */
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { wrapError } from '../../base/errors.ts'
import type { EvidenceStore } from './follow.ts'
import { type Evidence, formatEvidence, parseEvidence } from './split-view.ts'

/** Files that are read at most: a follower keeps fewer. */
const FILES_MAX = 256

/** The evidence in a directory, which is made if need be; what cannot be read is passed over. @throws unavailable.storage */
export async function openEvidence(directory: string): Promise<EvidenceStore> {
  const kept: Evidence[] = []
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const names = (await readdir(directory)).filter((name) => name.endsWith('.json')).sort()
    for (const name of names.slice(0, FILES_MAX)) {
      const found = readOne(await readFile(join(directory, name), 'utf8'))
      if (found !== undefined) kept.push(found)
    }
  } catch (error) {
    throw wrapError(error, 'unavailable.storage', `reading the evidence in ${directory}`)
  }
  return {
    all: () => kept,
    async add(id, evidence) {
      try {
        await writeDurable(join(directory, `${id}.json`), formatEvidence(evidence))
      } catch (error) {
        throw wrapError(error, 'unavailable.storage', `keeping evidence in ${directory}`)
      }
      kept.push(evidence)
    },
  }
}

function readOne(text: string): Evidence | undefined {
  try {
    return parseEvidence(text)
  } catch {
    return undefined
  }
}

async function writeDurable(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
