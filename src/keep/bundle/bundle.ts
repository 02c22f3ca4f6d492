/**
 * Air-gap bundles: what a node keeps, as one tar file, and back into another node. The factory; what it
 * promises is in `types.ts`, writing is `export.ts`, reading `import.ts`. Called by the API.
 */
import { AppError } from '../../base/errors.ts'
import { allBlobs } from './all-blobs.ts'
import { exportBundle } from './export.ts'
import { importBundle } from './import.ts'
import type { BundleDependencies, Bundles, ImportedBundle } from './types.ts'

const NAMESPACE = 'keep.bundle'

/** Bundles over these parts. */
export function createBundles(dependencies: BundleDependencies): Bundles {
  const { store } = dependencies
  return {
    export: (selection, signal) => exportBundle(selection, dependencies, signal),
    async import(stream, signal) {
      const imported = await importBundle(stream, dependencies, signal)
      store.notebook.set(NAMESPACE, imported.label, imported)
      return imported
    },
    list: () => store.notebook.entries(NAMESPACE).map(([, value]) => value as ImportedBundle),
    remove(label) {
      const imported = store.notebook.get(NAMESPACE, label) as ImportedBundle | undefined
      if (imported === undefined) throw new AppError('absent.blob', `no bundle was imported as ${label}`)
      for (const { id, pins } of allBlobs(store)) if (pins.includes(label)) store.unpin(id, label)
      store.notebook.delete(NAMESPACE, label)
      return imported
    },
  }
}
