// What programs and tools need of an address and a key, each in its own words.
type Snippet = (origin: string, key: string, model: string) => string

export const SNIPPETS: Record<string, Snippet> = {
  curl: (origin, key, model) => `curl ${origin}/v1/chat/completions \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}",
       "messages": [{"role": "user", "content": "Say hello."}]}'`,
  Python: (origin, key, model) => `from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key="${key}")
answer = client.chat.completions.create(
    model="${model}", messages=[{"role": "user", "content": "Say hello."}]
)
print(answer.choices[0].message.content)`,
  Node: (origin, key, model) => `import OpenAI from 'openai'

const client = new OpenAI({ baseURL: '${origin}/v1', apiKey: '${key}' })
const answer = await client.chat.completions.create({
  model: '${model}',
  messages: [{ role: 'user', content: 'Say hello.' }],
})
console.log(answer.choices[0].message.content)`,
  'Claude Code': (origin, key) => `export ANTHROPIC_BASE_URL="${origin}"
export ANTHROPIC_AUTH_TOKEN="${key}"
claude`,
  Codex: (origin, key, model) => `# ~/.codex/config.toml
model = "${model}"
model_provider = "magic"

[model_providers.magic]
name = "MAGIC"
base_url = "${origin}/v1"
env_key = "MAGIC_KEY"

# then, in the shell:
# export MAGIC_KEY="${key}"`,
  Cursor: (origin, key) => `Settings → Models → OpenAI API Key
  Key:                       ${key}
  Override OpenAI Base URL:  ${origin}/v1`,
  LobeChat: (origin, key) => `OPENAI_API_KEY=${key}
OPENAI_PROXY_URL=${origin}/v1`,
  NextChat: (origin, key) => `OPENAI_API_KEY=${key}
BASE_URL=${origin}`,
}
