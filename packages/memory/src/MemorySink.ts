/**
 * A transactional sink over rows in the same database as the engine's tables,
 * with the constraints a table may have.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Row from "@tidemark/core/model/Row"
import * as Write from "@tidemark/core/model/Write"
import * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as Memory from "./Memory.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options<A> {
  readonly label: string
  readonly check?: (record: A) => Write.Rejection | undefined
  /**
   * Which writes the sink refuses: by answering a rejection for this one (`"Row"`),
   * or by failing the call without saying which one is meant (`"Batch"`).
   * Default: none.
   */
  readonly refuse?: (write: Write.Write<A>) => "Row" | "Batch" | undefined
  /**
   * A value that at most one record of the entity and tenant may have at a time;
   * `undefined` for a record without one. A second fails the call as `Refused` with
   * code `23505`, after waiting for a transaction that is taking or freeing the
   * value. Default: none.
   */
  readonly unique?: (record: A) => string | undefined
  /**
   * The record of the same connection that a record refers to. Where it is not there
   * once the call is made true, the call fails as at a constraint, `Refused` with
   * the code of a parent that is missing. Nobody else's constraint: a record that
   * others refer to may be removed. Default: none.
   */
  readonly parent?: (record: A) => Parent | undefined
}

/** @category models @since 0.1.0 */
export interface Parent {
  /** Default: the entity of the sink. */
  readonly entity?: string
  readonly id: Observation.ExternalId
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * A sink over the store's rows. Keeps the id of a row that is there, and answers
 * it. All sinks of one entity share its rows, so they must agree on `A`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(options: Options<A>): Effect.Effect<ChangeSink.Transactional<A>, never, Memory.Store> =>
  Effect.map(Memory.Store, ({ connection }) => ({
    _tag: "Transactional",
    label: options.label,
    ...(options.check === undefined ? {} : { check: options.check }),
    find: (subscription, ids) =>
      Statement.read(connection, "Sink.find", subscription.tenant, (view) => {
        const rows = new Map<Observation.ExternalId, Row.Row<A>>()
        for (const id of ids) {
          const found = State.get(view, "rows", State.recordKey(subscription, id))
          if (found !== undefined) rows.set(id, rowOf<A>(found))
        }
        return rows
      }).pipe(Effect.mapError(toSinkError(options.label))),
    write: (subscription, writes) =>
      Statement.write(
        connection,
        "Sink.write",
        subscription.tenant,
        Effect.fnUntraced(function* (statement) {
          const answers: Array<Result.Result<Write.Written, Write.Rejection>> = []
          for (const write of writes) {
            const refusal = options.refuse?.(write)
            if (refusal === "Batch") return yield* refused("23514", "a row violates a check constraint")
            answers.push(
              refusal === "Row"
                ? Result.fail(new Write.Rejection({ code: "Invalid", message: `${write.externalId} is refused` }))
                : Result.succeed(
                    yield* apply(statement, options, { subscription, externalId: write.externalId }, write)
                  )
            )
          }
          yield* requireParents(statement, options, subscription, writes)
          return answers
        })
      ).pipe(Effect.mapError(toSinkError(options.label)))
  }))

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** What a sink reads it wrote itself, or a sink of the same entity. */
const rowOf = <A>({ row }: State.SinkRow): Row.Row<A> => row as Row.Row<A>

const apply = Effect.fnUntraced(function* <A>(
  statement: Statement.Statement,
  options: Options<A>,
  target: State.Target,
  write: Write.Write<A>
): Effect.fn.Return<Write.Written, StoreError> {
  const key = State.recordKey(target.subscription, target.externalId)
  if (write._tag === "Remove" && State.get(statement, "rows", key) === undefined) return {}
  const known = yield* Statement.lock(statement, "rows", key)
  const before = known === undefined ? undefined : options.unique?.(rowOf<A>(known).record)
  const after = write._tag === "Remove" ? undefined : options.unique?.(write.record)
  if (before !== after) {
    if (before !== undefined) yield* free(statement, target, before)
    if (after !== undefined) yield* take(statement, options, target, after)
  }
  if (write._tag === "Remove") {
    if (known !== undefined) Statement.put(statement, "rows", key, undefined)
    return {}
  }
  const localId = known?.row.localId ?? write.localId
  Statement.put(statement, "rows", key, { ...target, row: { localId, record: write.record } })
  return localId === write.localId ? {} : { localId }
})

/** At the end of the statement, as a database checks: a call may bring a parent behind its child. */
const requireParents = <A>(
  statement: Statement.Statement,
  { parent, refuse }: Options<A>,
  subscription: State.Target["subscription"],
  writes: Write.Writes<A>
): Effect.Effect<void, StoreError> => {
  const missing = writes.find((write) => {
    const needed = write._tag === "Put" && refuse?.(write) === undefined ? parent?.(write.record) : undefined
    if (needed === undefined) return false
    const place = { ...subscription, entity: needed.entity ?? subscription.entity }
    return State.get(statement, "rows", State.recordKey(place, needed.id)) === undefined
  })
  return missing === undefined
    ? Effect.void
    : refused(Write.parentMissing, `${missing.externalId} refers to a record that is not there`)
}

/** Until the transaction ends, nobody knows whether the value is free. */
const free = (statement: Statement.Statement, target: State.Target, value: string) => {
  const address = uniqueAddress(target, value)
  return Statement.whenFree(statement, address, () => Statement.hold(statement.session, address))
}

/** The record itself does not have the value yet: it would not take it again. */
const take = <A>(
  statement: Statement.Statement,
  { unique }: Options<A>,
  target: State.Target,
  value: string
): Effect.Effect<void, StoreError> => {
  const address = uniqueAddress(target, value)
  const { session } = statement
  return Statement.whenFree(statement, address, () => {
    const view = { tables: session.database.state.tables, writes: session.writes }
    const isTaken = State.scan(view, "rows").some(
      ([, row]) => isSameTable(row.subscription, target.subscription) && unique?.(rowOf<A>(row).record) === value
    )
    if (!isTaken) Statement.hold(session, address)
    return isTaken
  }).pipe(
    Effect.flatMap((isTaken) => (isTaken ? refused("23505", `another record has the value ${value}`) : Effect.void))
  )
}

const uniqueAddress = ({ subscription }: State.Target, value: string): string =>
  `unique ${State.key(subscription.tenant, subscription.entity, value)}`

const isSameTable = (a: State.Target["subscription"], b: State.Target["subscription"]): boolean =>
  a.tenant === b.tenant && a.entity === b.entity

const refused = (code: string, message: string): Effect.Effect<never, StoreError> =>
  Effect.fail(new StoreError({ reason: "Refused", operation: "Sink.write", code, message }))

const toSinkError =
  (sink: string) =>
  ({ code, message, reason, ...error }: StoreError): ChangeSink.SinkError =>
    new ChangeSink.SinkError({
      reason,
      sink,
      message,
      ...(code === undefined ? {} : { code }),
      ...(error.cause === undefined ? {} : { cause: error.cause })
    })
