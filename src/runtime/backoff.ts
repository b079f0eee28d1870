/** Exponential backoff without jitter: base × 2^(failures − 1), at most `maxMs`. `failures` counts from 1. */
export function backoffMs(
  failures: number,
  limits: { readonly baseMs: number; readonly maxMs: number },
): number {
  return Math.min(limits.maxMs, limits.baseMs * 2 ** Math.min(failures - 1, 30))
}
