/**
 * Where feeds and their lanes stand, and what a person should do about it.
 *
 * @since 0.1.0
 */
import type * as Lane from "@tidemark/core/model/Lane"
import type * as Lanes from "@tidemark/core/ports/Lanes"
import * as RunReport from "./RunReport.ts"
import * as Table from "./Table.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** One lane. The names are stable: other programs read them. @category models @since 0.1.0 */
export interface LaneLine {
  readonly lane: string
  readonly partition: string
  /** `Stopped`: by the brake, until it is released. `Running`: its lease is held. */
  readonly state: "Free" | "Running" | "Stopped"
  /** What is left of the lease; 0 unless it runs. */
  readonly leaseSeconds: number
  /** Why it is stopped; `null` unless it is. */
  readonly message: string | null
  /** Where the next run goes on; `null` before the first commit. */
  readonly cursor: unknown
  /** `null` when none was kept. */
  readonly lastRun: RunReport.RunLine | null
}

/** One feed. The names are stable. @category models @since 0.1.0 */
export interface Line {
  readonly object: string
  /** Records that wait in quarantine, up to 1,000. */
  readonly quarantined: number
  /** Whether there are more than that. */
  readonly quarantinedMore: boolean
  readonly lanes: ReadonlyArray<LaneLine>
  /** What is wrong, and what to do about it, in words. */
  readonly next: ReadonlyArray<string>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const lane = (
  { name, partition }: Pick<Lane.Lane, "name" | "partition">,
  { checkpoint, remaining, stopped }: Lanes.Standing,
  lastRun: RunReport.RunLine | undefined
): LaneLine => ({
  lane: name,
  partition,
  state: stopped !== undefined ? "Stopped" : remaining > 0 ? "Running" : "Free",
  leaseSeconds: stopped === undefined ? Math.ceil(remaining) / 1000 : 0,
  message: stopped ?? null,
  cursor: checkpoint.cursor?.value ?? null,
  lastRun: lastRun ?? null
})

/** @category constructors @since 0.1.0 */
export const line = (options: Omit<Line, "next">): Line => ({
  ...options,
  next: [...options.lanes.flatMap((lane) => laneAdvice(options.object, lane)), ...quarantineAdvice(options)]
})

/** Whether a person has to do something: 3 is the exit code then. @category readers @since 0.1.0 */
export const isWaiting = ({ lanes, quarantined }: Line): boolean =>
  quarantined > 0 || lanes.some(({ state }) => state === "Stopped")

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/** @category formatting @since 0.1.0 */
export const format = (paint: Text.Paint, all: ReadonlyArray<Line>): ReadonlyArray<string> => [
  ...Table.format(
    paint,
    [
      { name: "object", most: 40 },
      { name: "lane", most: 40 },
      { name: "state" },
      { name: "last run" },
      { name: "began" },
      { name: "read", isNumber: true },
      { name: "changed", isNumber: true },
      { name: "waiting", isNumber: true },
      { name: "cursor", most: 72 }
    ],
    all.flatMap((one) => one.lanes.map((lane, index) => row(one, lane, index === 0)))
  ),
  ...all.flatMap(({ next, object }) => next.map((advice) => Text.safe(`${object}: ${advice}`)))
]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const row = (one: Line, lane: LaneLine, isFirst: boolean): ReadonlyArray<Table.Cell> => {
  const { lastRun } = lane
  const state = lane.state === "Running" ? `Running, ${Text.seconds(lane.leaseSeconds)} left` : lane.state
  const waiting = `${Text.count(one.quarantined)}${one.quarantinedMore ? "+" : ""}`
  return [
    isFirst ? one.object : "",
    lane.partition === "" ? lane.lane : `${lane.lane}/${lane.partition}`,
    lane.state === "Free" ? state : [state, lane.state === "Stopped" ? "red" : "bold"],
    lastRun === null ? "none" : [lastRun.status, lastRun.status === "Succeeded" ? "green" : "yellow"],
    lastRun === null ? "" : RunReport.second(lastRun.openedAt),
    lastRun === null ? "" : Text.count(lastRun.read),
    lastRun === null ? "" : Text.count(lastRun.created + lastRun.updated + lastRun.deleted),
    // Records wait for their object, not for one of its lanes.
    !isFirst ? "" : one.quarantined === 0 ? waiting : [waiting, "yellow"],
    lane.cursor === null ? "none" : Text.json(lane.cursor)
  ]
}

const laneAdvice = (object: string, { lane, lastRun, message, state }: LaneLine): ReadonlyArray<string> => {
  if (state === "Stopped") {
    return [
      `the lane ${lane} is stopped: ${message}. Look at what was refused (quarantine list --object ${object}), mend its cause, then sync --release.`
    ]
  }
  if (state === "Running" || lastRun === null) return []
  switch (lastRun.status) {
    case "Failed":
      return [
        `the last run of ${lane} failed: ${RunReport.firstLine(lastRun.error ?? "no reason was kept")} (runs show ${lastRun.id}). The next sync goes on from its last commit.`
      ]
    case "Running":
    case "Abandoned":
      return [`the process of the last run of ${lane} is gone. The next sync goes on from its last commit.`]
    default:
      return []
  }
}

const quarantineAdvice = ({ object, quarantined, quarantinedMore }: Omit<Line, "next">): ReadonlyArray<string> => {
  if (quarantined === 0) return []
  const isOne = quarantined === 1 && !quarantinedMore
  const records = isOne ? "1 record waits" : `${Text.count(quarantined)}${quarantinedMore ? "+" : ""} records wait`
  return [
    `${records} in quarantine. quarantine list --object ${object} tells why; once the cause is mended, quarantine redrive --all --object ${object}.`
  ]
}
