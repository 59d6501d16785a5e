/**
 * Which addresses lie on the public internet (IANA special-purpose registries of
 * IPv4 and IPv6).
 *
 * Everything is refused that is not known to be public: this machine, private and
 * shared networks, link-local addresses with the metadata of clouds, documentation
 * and benchmarks, multicast, tunnels. An IPv6 address that stands for one of IPv4,
 * mapped or through NAT64, is what that one is. A text that is not written in full
 * is none: what other programs read from `0177.1` is theirs to know.
 *
 * @since 0.1.0
 */

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Four bytes of IPv4, or eight groups of IPv6. @category models @since 0.1.0 */
export type IpAddress =
  | { readonly _tag: "V4"; readonly bytes: ReadonlyArray<number> }
  | { readonly _tag: "V6"; readonly groups: ReadonlyArray<number> }

/** Code of a connection that was refused because its address is not public. @category constants @since 0.1.0 */
export const notPublic = "ENOTPUBLIC"

// -----------------------------------------------------------------------------
// conversions
// -----------------------------------------------------------------------------

/** An address as programs write it, without brackets or zone; `undefined` for any other text. @category conversions @since 0.1.0 */
export const parse = (text: string): IpAddress | undefined => {
  const bytes = parse4(text)
  if (bytes !== undefined) return { _tag: "V4", bytes }
  const groups = parse6(text)
  return groups === undefined ? undefined : { _tag: "V6", groups }
}

// -----------------------------------------------------------------------------
// guards
// -----------------------------------------------------------------------------

/** @category guards @since 0.1.0 */
export const isPublic = (address: IpAddress): boolean => {
  const bytes = bytesOf(address)
  if (bytes !== undefined) return !special4.some(([prefix, length]) => isWithin(bytes, 8, prefix, length))
  const { groups } = address as Extract<IpAddress, { readonly _tag: "V6" }>
  return isWithin(groups, 16, [0x2000], 3) && !special6.some(([prefix, length]) => isWithin(groups, 16, prefix, length))
}

/** Of this machine. @category guards @since 0.1.0 */
export const isLoopback = (address: IpAddress): boolean => {
  const bytes = bytesOf(address)
  if (bytes !== undefined) return bytes[0] === 127
  return address._tag === "V6" && isWithin(address.groups, 16, [0, 0, 0, 0, 0, 0, 0, 1], 128)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Range = readonly [prefix: ReadonlyArray<number>, length: number]

const special4: ReadonlyArray<Range> = [
  [[0], 8],
  [[10], 8],
  [[100, 64], 10],
  [[127], 8],
  [[169, 254], 16],
  [[172, 16], 12],
  [[192, 0, 0], 24],
  [[192, 0, 2], 24],
  [[192, 31, 196], 24],
  [[192, 52, 193], 24],
  [[192, 88, 99], 24],
  [[192, 168], 16],
  [[192, 175, 48], 24],
  [[198, 18], 15],
  [[198, 51, 100], 24],
  [[203, 0, 113], 24],
  [[224], 4],
  [[240], 4]
]

// Within 2000::/3, which alone is public: protocol assignments, documentation, 6to4.
const special6: ReadonlyArray<Range> = [
  [[0x2001], 23],
  [[0x2001, 0xdb8], 32],
  [[0x2002], 16],
  [[0x2620, 0x4f, 0x8000], 48],
  [[0x3fff], 20]
]

const mapped: Range = [[0, 0, 0, 0, 0, 0xffff], 96]
const nat64: Range = [[0x64, 0xff9b], 96]

/** Of IPv4, or of the IPv4 address that one of IPv6 stands for. */
const bytesOf = (address: IpAddress): ReadonlyArray<number> | undefined => {
  if (address._tag === "V4") return address.bytes
  const { groups } = address
  if (![mapped, nat64].some(([prefix, length]) => isWithin(groups, 16, prefix, length))) return undefined
  return groups.slice(6).flatMap((group) => [group >> 8, group & 255])
}

const isWithin = (parts: ReadonlyArray<number>, width: number, prefix: ReadonlyArray<number>, length: number) =>
  parts.every((part, index) => {
    const free = Math.max(0, width * (index + 1) - length)
    return free >= width || part >> free === (prefix[index] ?? 0) >> free
  })

const parse4 = (text: string): ReadonlyArray<number> | undefined => {
  const parts = text.split(".")
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
    ? parts.map(Number)
    : undefined
}

const parse6 = (text: string): ReadonlyArray<number> | undefined => {
  if (text.length > 45) return undefined
  const halves = text.split("::")
  if (halves.length > 2) return undefined
  const sides = halves.map((half, index) => parseGroups(half, index === halves.length - 1))
  const [head, tail] = sides
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  if (halves.length === 1) return head.length === 8 ? head : undefined
  const rest = tail ?? []
  const missing = 8 - head.length - rest.length
  return missing > 0 ? [...head, ...Array.from({ length: missing }, () => 0), ...rest] : undefined
}

// The last two groups may be written as IPv4.
const parseGroups = (half: string, isLast: boolean): ReadonlyArray<number> | undefined => {
  if (half === "") return []
  const groups: Array<number> = []
  const parts = half.split(":")
  for (const [index, part] of parts.entries()) {
    const bytes = isLast && index === parts.length - 1 ? parse4(part) : undefined
    if (bytes !== undefined) groups.push(bytes[0]! * 256 + bytes[1]!, bytes[2]! * 256 + bytes[3]!)
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}
