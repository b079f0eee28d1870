/** All lines of a stream that gives them in chunks. */
export async function collectLines(chunks: AsyncIterable<readonly string[]>): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const chunk of chunks) lines.push(...chunk)
  return lines
}
