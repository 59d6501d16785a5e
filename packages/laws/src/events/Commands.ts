/**
 * What can be asked of a store of events.
 *
 * @since 0.1.0
 */
import * as fc from "fast-check"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Command = typeof command extends fc.Arbitrary<infer C> ? C : never

// -----------------------------------------------------------------------------
// arbitraries
// -----------------------------------------------------------------------------

const labels = fc.constantFrom("a", "a", "b", "c")
const tag = <T extends string>(name: T) => fc.constant(name)

/** @category arbitraries @since 0.1.0 */
export const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: tag("Append"),
      tenant: fc.nat(1),
      events: fc.array(
        fc.record({
          key: fc.constantFrom("x", "x", "y"),
          entity: fc.constantFrom("note", "note", "task"),
          type: fc.constantFrom("one", "one", "two"),
          direction: fc.constantFrom("change" as const, "change" as const, "outbound" as const),
          version: fc.constantFrom(1, 1, 1, 2)
        }),
        { minLength: 1, maxLength: 3 }
      ),
      fate: fc.constantFrom(
        "Commit" as const,
        "Commit" as const,
        "Commit" as const,
        "Fail" as const,
        "Inner" as const,
        "Again" as const,
        "Other" as const
      )
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: tag("Register"),
      label: labels,
      types: fc.constantFrom(["one"], ["one", "two"]),
      start: fc.oneof(fc.constantFrom("Beginning" as const, "Now" as const), fc.record({ behind: fc.nat(5) })),
      isActivated: fc.constantFrom(true, true, false)
    })
  },
  {
    weight: 5,
    arbitrary: fc.record({
      _tag: tag("Claim"),
      labels: fc.constantFrom(["a"], ["b", "c"], ["a", "b", "c"]),
      direction: fc.constantFrom("change" as const, "change" as const, "outbound" as const),
      limit: fc.integer({ min: 1, max: 4 }),
      version: fc.constantFrom(1, 2, 2),
      isLost: fc.constantFrom(false, false, true)
    })
  },
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: tag("Settle"),
      back: fc.nat(3),
      verdict: fc.constantFrom("Ack" as const, "Retry" as const, "DeadLetter" as const, "Release" as const),
      isPutOff: fc.constantFrom(false, false, true)
    })
  },
  fc.record({ _tag: tag("Acknowledge"), back: fc.nat(3), isTakenBack: fc.boolean() }),
  fc.record({ _tag: tag("Renew"), back: fc.nat(3) }),
  fc.record({ _tag: tag("Redrive"), by: fc.constantFrom("Id" as const, "Type" as const), isTwice: fc.boolean() }),
  fc.record({ _tag: tag("Skip"), what: fc.constantFrom("DeadLetter" as const, "Delivery" as const), at: fc.nat(3) }),
  fc.record({
    _tag: tag("Change"),
    label: labels,
    to: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom("Pause" as const, "Resume" as const, "Activate" as const) },
      { weight: 1, arbitrary: fc.constantFrom("Rename" as const, "Retire" as const, "RetireIfDone" as const) }
    )
  })
)

const first: ReadonlyArray<Command> = [
  { _tag: "Register", label: "a", types: ["one", "two"], start: "Beginning", isActivated: true },
  {
    _tag: "Append",
    tenant: 0,
    events: [{ key: "x", entity: "note", type: "one", direction: "change", version: 1 }],
    fate: "Commit"
  }
]

/** One after the other. A consumer and an event are there from the start, so that few cases are about nothing. @category arbitraries @since 0.1.0 */
export const commands: fc.Arbitrary<ReadonlyArray<Command>> = fc
  .array(command, { maxLength: 30, size: "max" })
  .map((commands): ReadonlyArray<Command> => [...first, ...commands])
