/**
 * What is asked of the model (`agreement.pml`): the rules as they are at several bounds, where nothing may be found, and rules that
 * are broken on purpose, where the very violation must be found that the rule prevents.
 */

/** One exhaustive search. */
export interface ModelCheck {
  /** A sentence about what the search shows. */
  readonly says: string
  /** Macros of the model: bounds, assumptions, a broken rule. */
  readonly macros: Readonly<Record<string, number | true>>
  /** The assertion that must break, as the model has it, or `invalid end state`; absent if nothing may be found. */
  readonly finds?: string
  /** Left out of `npm test`: longer than a few seconds. */
  readonly deep?: true
}

const PANEL_5 = { M: 5, Q0: 4 } as const
const PANEL_7 = { M: 7, Q0: 6 } as const

/** The rules as designed. Without a panel's numbers: 4 drawn, 3 to agree, one standby, six organisations. */
export const HOLDS: readonly ModelCheck[] = [
  {
    says: 'with as many hostile as a quorum: one verdict per attempt, agreement by q of the selected, q stays, standbys replace one',
    macros: { HOSTILE: 3, ATTEMPTS: 3 },
  },
  {
    says: 'fewer hostile than the quorum never get a lie agreed, whoever is silenced, in three attempts',
    macros: { HOSTILE: 2, ATTEMPTS: 3, NO_LIE: true },
  },
  {
    says: 'a panel with fewer than 2q - m hostile among those drawn never agrees on a lie, even if every standby is hostile',
    macros: { HOSTILE: 3, DRAWN_HOSTILE_MAX: 1, ATTEMPTS: 3, NO_LIE: true },
  },
  { says: '5 and 4: the same with three of seven hostile', macros: { ...PANEL_5, HOSTILE: 3, NO_LIE: true } },
  {
    says: '5 and 4: four hostile, two of them drawn, never get a lie agreed',
    macros: { ...PANEL_5, HOSTILE: 4, DRAWN_HOSTILE_MAX: 2, ATTEMPTS: 3, NO_LIE: true },
  },
  {
    says: '7 and 6: the same with three of nine hostile, one attempt',
    macros: { ...PANEL_7, HOSTILE: 3, ATTEMPTS: 1, NO_LIE: true },
  },
  {
    says: '7 and 6: the same with five of nine hostile, one attempt',
    macros: { ...PANEL_7, HOSTILE: 5, ATTEMPTS: 1, NO_LIE: true },
    deep: true,
  },
  {
    says: '5 and 4: as many hostile as a quorum, three attempts',
    macros: { ...PANEL_5, HOSTILE: 4, ATTEMPTS: 3 },
    deep: true,
  },
  {
    says: 'when faults stop, two of six down are made good by the standby: the truth is agreed at the first attempt',
    macros: { TIMELY: true, HOSTILE: 0, SILENT: 2, MUST_AGREE: true },
  },
  {
    says: 'when faults stop, a panel with one hostile among those drawn agrees on the truth, whatever that one does',
    macros: { TIMELY: true, HOSTILE: 2, DRAWN_HOSTILE_MAX: 1, MUST_AGREE: true },
  },
  {
    says: '7 and 6: when faults stop, two of nine down are made good by the standby',
    macros: { ...PANEL_7, TIMELY: true, HOSTILE: 0, SILENT: 2, MUST_AGREE: true },
  },
]

const LIE = 'outcome!=2'
const TRUTH = 'outcome==1'

/** Broken rules and too bold claims. `WITHOUT_NOMINAL` leaves out the assertions that merely repeat the number that is broken. */
export const BREAKS: readonly ModelCheck[] = [
  {
    says: 'a quorum lowered to 2 of 4 lets two results win at once',
    macros: { Q: 2, WITHOUT_NOMINAL: true },
    finds: 'truths>=quorum)&&(lies>=quorum',
  },
  { says: 'a quorum lowered to 2 of 4 is not the one designed', macros: { Q: 2 }, finds: 'quorum==3' },
  {
    says: '5 and 4: a quorum lowered to 3 gets a lie of three agreed',
    macros: { ...PANEL_5, Q: 3, HOSTILE: 3, ATTEMPTS: 1, WITHOUT_NOMINAL: true, NO_LIE: true },
    finds: LIE,
  },
  {
    says: 'a quorum of those who answered lets one hostile organisation that silences others have a second result win',
    macros: { QUORUM_OF_ANSWERS: true, HOSTILE: 1, WITHOUT_NOMINAL: true },
    finds: 'truths>=quorum)&&(lies>=quorum',
  },
  { says: 'a quorum of those who answered falls', macros: { QUORUM_OF_ANSWERS: true }, finds: 'quorum==3' },
  {
    says: 'one standby more than m - q lets hostile standbys capture a panel that had one hostile among those drawn',
    macros: { S: 2, HOSTILE: 3, DRAWN_HOSTILE_MAX: 1, WITHOUT_NOMINAL: true, NO_LIE: true },
    finds: LIE,
  },
  {
    says: '5 and 4: one standby more than m - q does so too',
    macros: { ...PANEL_5, S: 2, HOSTILE: 4, DRAWN_HOSTILE_MAX: 2, WITHOUT_NOMINAL: true, NO_LIE: true },
    finds: LIE,
  },
  { says: 'one standby more than m - q replaces too many of those drawn', macros: { S: 2 }, finds: 'originals>=' },
  {
    says: 'votes of the unselected make an agreement without q of the selected',
    macros: { OUTSIDERS_VOTE: true },
    finds: 'supporters>=3',
  },
  { says: 'a deadline that decides again gives two verdicts', macros: { DECIDES_TWICE: true }, finds: 'verdicts==1' },
  {
    says: 'an attempt after an agreement gives a second live verdict',
    macros: { AGAIN_AFTER_AGREEMENT: true },
    finds: 'agreements<=1',
  },
  { says: 'without the last deadline a run hangs', macros: { NO_LAST_DEADLINE: true }, finds: 'invalid end state' },
  {
    says: 'with as many hostile as a quorum a lie can be agreed: the model does not assume safety',
    macros: { HOSTILE: 3, NO_LIE: true },
    finds: LIE,
  },
  {
    says: 'three of six down can end without agreement',
    macros: { TIMELY: true, HOSTILE: 0, SILENT: 3, MUST_AGREE: true },
    finds: TRUTH,
  },
  {
    says: 'without standbys two of six down can end without agreement',
    macros: { TIMELY: true, S: 0, HOSTILE: 0, SILENT: 2, MUST_AGREE: true },
    finds: TRUTH,
  },
  {
    says: 'two hostile ones drawn can stall by committing and then spoiling: standbys help against missed commitments alone',
    macros: { TIMELY: true, HOSTILE: 2, MUST_AGREE: true },
    finds: TRUTH,
  },
]
