/**
 * A record type for planning, and a store of one record that makes plans true.
 */
import type * as Entry from "@tidemark/core/model/Entry"
import * as Observation from "@tidemark/core/model/Observation"
import type * as Version from "@tidemark/core/model/Version"
import * as Write from "@tidemark/core/model/Write"
import * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as Plan from "@tidemark/core/rules/Plan"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as Schema from "effect/Schema"

export const Note = Schema.Struct({ text: Schema.String, size: Schema.NullOr(Schema.Int) })
export type Note = typeof Note.Type
export type Seen = Observation.Observation<Note, number>
export type State = Plan.State<Note>

export const domain = "notes/stamp"
export const differ = FieldDiffer.fromSchema(Note)

/** A text that no store takes. */
export const poison = "poison"
export const rejection = new Write.Rejection({ code: "Invalid", message: "no poison" })

export const rules = (options: Partial<Plan.Rules<Note>> = {}): Plan.Rules<Note> => ({
  differ,
  domain,
  settle: 4,
  canFetch: false,
  check: ({ text }) => (text === poison ? rejection : undefined),
  ...options
})

export const id = Observation.ExternalId.make("n1")
export const note = (text: string, size: number | null = null): Note => ({ text, size })

// -----------------------------------------------------------------------------
// observations
// -----------------------------------------------------------------------------

export const version = (
  value: number | string,
  observedAt: number,
  options: { readonly epoch?: number; readonly domain?: string } = {}
): Version.Version => ({
  domain: options.domain ?? domain,
  value: typeof value === "string" ? value : String(value).padStart(3, "0"),
  ...(typeof value === "number" ? { at: value } : {}),
  epoch: options.epoch ?? 0,
  observedAt
})

const observed = { externalId: id, position: 0, origin: "Poll" } as const

export const upsert = (record: Note, version: Version.Version): Observation.Upsert<Note, number> => ({
  ...observed,
  _tag: "Upsert",
  record,
  version
})

export const patch = (
  fields: Partial<Note>,
  follows: Version.Version,
  observedAt: number
): Observation.Patch<Note, number> => ({ ...observed, _tag: "Patch", fields, follows, observedAt })

/** A deletion with a version of its own. */
export const tombstone = (version: Version.Version): Observation.Delete<number> => ({
  ...observed,
  _tag: "Delete",
  evidence: { _tag: "Tombstone" },
  version,
  observedAt: version.observedAt
})

/** A deletion that only its time orders. */
export const absence = (
  observedAt: number,
  evidence: Observation.Evidence = { _tag: "Absent" }
): Observation.Delete<number> => ({ ...observed, _tag: "Delete", evidence, version: undefined, observedAt })

export const touch: Observation.Touch<number> = { ...observed, _tag: "Touch" }

export const unreadable = (raw: string, version: Version.Version): Observation.Unreadable<number> => ({
  ...observed,
  _tag: "Unreadable",
  raw,
  message: "not a note",
  version
})

// -----------------------------------------------------------------------------
// a store of one record
// -----------------------------------------------------------------------------

/** The part of a plan that laws look at, and that wrong planners forge. */
export type Planned = Pick<Plan.Plan<Note>, "decisions" | "moves"> & Partial<Pick<Plan.Plan<Note>, "settled">>

/** Plans observations of one record over its state. */
export type Planner = (observations: ReadonlyArray<Seen>, state: State, resolution?: Plan.Resolution<Note>) => Planned

export const planner =
  (rules: Plan.Rules<Note>): Planner =>
  (observations, state, resolution) =>
    Plan.make(
      rules,
      observations,
      new Map([[id, state]]),
      new Map(resolution === undefined ? [] : [[id, resolution] as const])
    )

export const decisionsOf = (plan: Pick<Planned, "decisions">): ReadonlyArray<string> =>
  plan.decisions.map((decision) =>
    decision._tag === "Skip" ? decision.reason : decision._tag === "Change" ? decision.operation : decision._tag
  )

/** What quarantine keeps of a refused observation: of a hint, the read of the record by id. */
const kept = (one: Seen, resolution: Plan.Resolution<Note> | undefined): Seen =>
  resolution?._tag === "Found" && one._tag !== "Unreadable" && (one._tag !== "Upsert" || one.version.domain !== domain)
    ? upsert(resolution.record, resolution.version)
    : one

/**
 * The state once a plan for some observations was carried out and the sink refused
 * nothing. A refusal that a later one of them made void does not wait.
 */
export const after = (
  state: State,
  observations: ReadonlyArray<Seen>,
  plan: Planned,
  resolution?: Plan.Resolution<Note>
): State => {
  const refused = observations.flatMap((one, index): ReadonlyArray<Refusal.Refused> => {
    if (plan.decisions[index]?._tag !== "Refuse") return []
    const refusal = Refusal.of(rules(), kept(one, resolution))
    const isVoid = plan.settled?.slice(index + 1).some((known) => known !== undefined && Refusal.isVoid(refusal, known))
    return isVoid === true ? [] : [{ ...refusal, id: `${state.refused.length + index}/${state.entry?.token ?? 0}` }]
  })
  const [move] = plan.moves
  if (move === undefined) return { ...state, refused: [...state.refused, ...refused] }
  const { expected, ...advance } = move.advance
  const localId = advance.localId ?? "local"
  const entry: Entry.Entry = { ...advance, localId, token: expected + 1 }
  return {
    entry,
    row:
      move.write === undefined
        ? state.row
        : move.write._tag === "Put"
          ? { localId, record: move.write.record }
          : undefined,
    refused: [...state.refused.filter((one) => !move.voided.includes(one.id ?? "")), ...refused]
  }
}

export interface Thread {
  readonly state: State
  readonly decisions: ReadonlyArray<Plan.Decision>
  /** Findings and changes, in the order of their revisions. */
  readonly changes: ReadonlyArray<Plan.Change>
  readonly voided: ReadonlyArray<string>
}

/** Plans pieces one after another, each over the state the one before it left. */
export const thread = (
  plan: Planner,
  pieces: ReadonlyArray<ReadonlyArray<Seen>>,
  start: State = Plan.noState,
  resolution?: Plan.Resolution<Note>
): Thread => {
  let state = start
  const decisions: Array<Plan.Decision> = []
  const changes: Array<Plan.Change> = []
  const voided: Array<string> = []
  for (const piece of pieces) {
    const planned = plan(piece, state, resolution)
    decisions.push(...planned.decisions)
    changes.push(...planned.moves.flatMap((move) => move.findings))
    changes.push(...planned.decisions.filter((decision) => decision._tag === "Change"))
    voided.push(...planned.moves.flatMap((move) => move.voided))
    state = after(state, piece, planned, resolution)
  }
  return { state, decisions, changes, voided }
}

export const singly = <A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => items.map((item) => [item])
