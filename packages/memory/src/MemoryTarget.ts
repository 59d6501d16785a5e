/**
 * A system outside the database, such as another API, and the external sink that
 * writes to it.
 *
 * A target that honours idempotency keys answers a write whose key it has seen as
 * it answered before, and does nothing. One that does not has an effect each time.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Row from "@tidemark/core/model/Row"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Write from "@tidemark/core/model/Write"
import * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as State from "./State.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** One write that reached the target. @category models @since 0.1.0 */
export interface Call<out A> {
  readonly subscription: Subscription.Subscription
  readonly write: Write.Write<A>
  /** Whether it did something: `false` for a key seen before, and for a refusal. */
  readonly isEffective: boolean
}

/** @category models @since 0.1.0 */
export interface Options<A> {
  readonly label: string
  readonly check?: (record: A) => Write.Rejection | undefined
  /** As of `MemorySink`. A `"Batch"` refusal comes before any write of the call has an effect. */
  readonly refuse?: (write: Write.Write<A>) => "Row" | "Batch" | undefined
  /** Whether the target honours idempotency keys. Default: `true`. */
  readonly isIdempotent?: boolean
  /**
   * Is called at `"Target.find"`, and for each write at `"Target.write:before"` and
   * `"Target.write:after"` its effect, where a failure is an answer that was lost.
   * Default: does nothing.
   */
  readonly hook?: (point: string) => Effect.Effect<void, ChangeSink.SinkError>
}

/** @category models @since 0.1.0 */
export interface Target<in out A> {
  readonly sink: ChangeSink.External<A>
  /** Every write that reached the target, in order. */
  readonly calls: Effect.Effect<ReadonlyArray<Call<A>>>
  readonly rows: (
    subscription: Subscription.Subscription
  ) => Effect.Effect<ReadonlyMap<Observation.ExternalId, Row.Row<A>>>
  /** Puts a row, or removes it with `undefined`, as another client of the target would. */
  readonly change: (
    subscription: Subscription.Subscription,
    externalId: Observation.ExternalId,
    row: Row.Row<A> | undefined
  ) => Effect.Effect<void>
}

interface Stored<out A> extends State.Target {
  readonly row: Row.Row<A>
}

interface Memory<A> {
  readonly rows: Map<string, Stored<A>>
  readonly calls: Array<Call<A>>
  /** By idempotency key. */
  readonly answers: Map<string, Write.Written>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** An empty target. @category constructors @since 0.1.0 */
export const make = <A>(options: Options<A>): Effect.Effect<Target<A>> =>
  Effect.sync(() => {
    const memory: Memory<A> = { rows: new Map(), calls: [], answers: new Map() }
    const change: Target<A>["change"] = (subscription, externalId, row) =>
      Effect.sync(() => set(memory, { subscription, externalId }, row))
    return {
      sink: sink(options, memory),
      calls: Effect.sync(() => [...memory.calls]),
      rows: (subscription) =>
        Effect.sync(() => {
          const own = [...memory.rows.values()].filter((one) => State.isSameEntity(one.subscription, subscription))
          return new Map(own.map(({ externalId, row }) => [externalId, row]))
        }),
      change
    }
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const sink = <A>(options: Options<A>, memory: Memory<A>): ChangeSink.External<A> => {
  const reach = (point: string) => Effect.andThen(Effect.yieldNow, options.hook?.(point) ?? Effect.void)
  return {
    _tag: "External",
    label: options.label,
    ...(options.check === undefined ? {} : { check: options.check }),
    find: (subscription, ids) =>
      Effect.map(reach("Target.find"), () => {
        const found = ids.flatMap((id) => memory.rows.get(State.recordKey(subscription, id)) ?? [])
        return new Map(found.map(({ externalId, row }) => [externalId, row]))
      }),
    write: Effect.fnUntraced(function* (subscription, writes) {
      if (writes.some((write) => options.refuse?.(write) === "Batch")) {
        return yield* new ChangeSink.SinkError({
          reason: "Refused",
          sink: options.label,
          message: "some write of the call is refused"
        })
      }
      const answers: Array<Result.Result<Write.Written, Write.Rejection>> = []
      for (const write of writes) {
        yield* reach("Target.write:before")
        answers.push(accept(options, memory, subscription, write))
        yield* reach("Target.write:after")
      }
      return answers
    })
  }
}

const accept = <A>(
  options: Options<A>,
  memory: Memory<A>,
  subscription: Subscription.Subscription,
  write: Write.Write<A>
): Result.Result<Write.Written, Write.Rejection> => {
  const { externalId, idempotencyKey } = write
  const isRefused = options.refuse?.(write) === "Row"
  const known = options.isIdempotent === false ? undefined : memory.answers.get(idempotencyKey)
  memory.calls.push({ subscription, write, isEffective: !isRefused && known === undefined })
  if (isRefused) return Result.fail(new Write.Rejection({ code: "Invalid", message: `${externalId} is refused` }))
  if (known !== undefined) return Result.succeed(known)
  const target = { subscription, externalId }
  const localId = memory.rows.get(State.recordKey(subscription, externalId))?.row.localId ?? write.localId
  set(memory, target, write._tag === "Remove" ? undefined : { localId, record: write.record })
  const answer = write._tag === "Remove" || localId === write.localId ? {} : { localId }
  memory.answers.set(idempotencyKey, answer)
  return Result.succeed(answer)
}

const set = <A>(memory: Memory<A>, target: State.Target, row: Row.Row<A> | undefined): void => {
  const key = State.recordKey(target.subscription, target.externalId)
  if (row === undefined) memory.rows.delete(key)
  else memory.rows.set(key, { ...target, row })
}
