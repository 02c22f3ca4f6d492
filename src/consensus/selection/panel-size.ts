/** How many organisations build one package and how many must agree. 2-trust.md, "Random selection", 5. */

/** The size of a panel. `builders - quorum` is also the most standbys that there may be. */
export interface PanelSize {
  /** Organisations that are drawn to build (m). */
  readonly builders: number
  /** Of them, standbys that stepped in included, so many must report the same result (q). Fixed when drawn: it never falls. */
  readonly quorum: number
  /** Whether the verdict may be `rebuilt`. */
  readonly rebuilt: boolean
}

/**
 * The panel for a network with so many builder organisations, of which so many are eligible for the purl's type. The network's
 * number decides, not the eligible ones': else a few that stop declaring a type could lower everybody's quorum.
 *
 * Below four organisations there is nobody to draw from: all that are eligible build, all of them must agree (one disagreement or one
 * silence fails the attempt, no standbys), and what comes out is `built once` however many agreed, never `rebuilt`. Four organisations
 * of which only three build this type are such a case too. Wants `eligible` <= `organisations`, and two thirds of them at least.
 */
export function panelSize(organisations: number, eligible: number): PanelSize {
  const panel = rebuildingPanel(organisations)
  if (panel !== undefined && eligible >= panel.builders) return { ...panel, rebuilt: true }
  return { builders: eligible, quorum: eligible, rebuilt: false }
}

function rebuildingPanel(organisations: number): { builders: number; quorum: number } | undefined {
  if (organisations >= 13) return { builders: 7, quorum: 6 }
  if (organisations >= 7) return { builders: 5, quorum: 4 }
  return organisations >= 4 ? { builders: 4, quorum: 3 } : undefined
}
