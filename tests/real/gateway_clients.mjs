// The client libraries of OpenAI and Anthropic, unchanged, against the gateway.
// argv: the key of a lease, its base_url, the same at its cap. Prints TAP lines
// without numbers, "ok TEXT" or "not ok TEXT".
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';

const [key, base] = process.argv.slice(2);
const openai = new OpenAI({ apiKey: key, baseURL: base, maxRetries: 0 });
const anthropic = new Anthropic({
  apiKey: key, baseURL: base.replace(/\/v1$/, ''), maxRetries: 0,
});
const messages = [{ role: 'user', content: 'hi' }];

async function point(text, run) {
  let why = '';
  try {
    if (await run() !== true) why = 'it is not so';
  } catch (e) {
    why = `${e.constructor.name}: ${e.message}`;
  }
  console.log(`${why ? 'not ok' : 'ok'} ${text}`);
  if (why) console.log(`# ${why}`);
}

async function fails(kind, status, run) {
  try {
    await run();
  } catch (e) {
    if (e instanceof kind && e.status === status) return true;
    throw e;
  }
  return false;
}

async function collect(stream) {
  const seen = { text: '', finish: null, usage: null };
  for await (const chunk of stream) {
    seen.text += chunk.choices[0]?.delta?.content ?? '';
    seen.finish = chunk.choices[0]?.finish_reason ?? seen.finish;
    seen.usage = chunk.usage ?? seen.usage;
  }
  return seen;
}

await point('openai: an answer in one piece', async () => {
  const a = await openai.chat.completions.create(
    { model: 'plain', max_tokens: 20, messages });
  return a.choices[0].message.content.startsWith('w01 ') &&
    a.usage.completion_tokens === 20 && a.choices[0].finish_reason === 'length';
});
await point('openai: an answer in pieces', async () => {
  const seen = await collect(await openai.chat.completions.create(
    { model: 'plain', max_tokens: 60, stream: true, messages }));
  return seen.text.split(' ').length === 41 && seen.finish === 'stop' &&
    seen.usage === null;
});
await point('openai: with its usage', async () => {
  const seen = await collect(await openai.chat.completions.create(
    { model: 'plain', max_completion_tokens: 9, stream: true, messages,
      stream_options: { include_usage: true } }));
  return seen.usage.completion_tokens === 9 && seen.finish === 'length';
});
await point('openai: the helper that collects a stream', async () => {
  const { completions } = openai.chat.completions.stream
    ? openai.chat : openai.beta.chat;
  const runner = completions.stream(
    { model: 'plain', max_tokens: 60, messages });
  const a = await runner.finalChatCompletion();
  return a.choices[0].message.content.startsWith('w01 w02 ');
});
await point('openai: a stream that is ended at the cap', async () => {
  const seen = await collect(await openai.chat.completions.create(
    { model: 'more', max_tokens: 5, stream: true, messages }));
  return seen.text === 'w01 w02 w03 w04 w05 ' && seen.finish === 'length';
});
await point('openai: 429 with its Retry-After', () => fails(
  OpenAI.RateLimitError, 429, () => openai.chat.completions.create(
    { model: 'busy', max_tokens: 5, messages })));
await point('openai: a wrong key', () => fails(
  OpenAI.AuthenticationError, 401, () => new OpenAI(
    { apiKey: 'r1/one/1/worker.0123456789abcdef', baseURL: base, maxRetries: 0 })
    .chat.completions.create({ model: 'plain', messages })));
await point('openai: a model that is not there', () => fails(
  OpenAI.NotFoundError, 404, () => openai.chat.completions.create(
    { model: 'none', messages })));
await point('openai: a stream that breaks off is an error', async () => {
  try {
    await collect(await openai.chat.completions.create(
      { model: 'torn', max_tokens: 50, stream: true, messages }));
  } catch (e) {
    return e instanceof OpenAI.APIError;
  }
  return false;
});
await point('openai: the models', async () => {
  const names = [];
  for await (const m of openai.models.list()) names.push(m.id);
  return names.includes('plain') && names.includes('claude');
});

await point('anthropic: an answer in one piece', async () => {
  const a = await anthropic.messages.create(
    { model: 'claude', max_tokens: 20, messages });
  return a.content[0].text.startsWith('w01 ') && a.usage.output_tokens === 20 &&
    a.stop_reason === 'max_tokens';
});
await point('anthropic: an answer in pieces', async () => {
  const a = await anthropic.messages.stream(
    { model: 'claude', max_tokens: 60, messages }).finalMessage();
  return a.content[0].text.split(' ').length === 41 &&
    a.stop_reason === 'end_turn';
});
await point('anthropic: a stream that is ended at the cap', async () => {
  const a = await anthropic.messages.stream(
    { model: 'chatty', max_tokens: 5, messages }).finalMessage();
  return a.content[0].text === 'w01 w02 w03 w04 w05 ' &&
    a.stop_reason === 'max_tokens' && a.usage.output_tokens <= 6;
});
await point('anthropic: a wrong key', () => fails(
  Anthropic.AuthenticationError, 401, () => new Anthropic(
    { apiKey: 'nothing', baseURL: base.replace(/\/v1$/, ''), maxRetries: 0 })
    .messages.create({ model: 'claude', max_tokens: 5, messages })));
await point('anthropic: a client that leaves', async () => {
  const stream = anthropic.messages.stream(
    { model: 'claude', max_tokens: 60, messages });
  stream.on('text', () => stream.abort());
  // It may be over before it could leave; and the library does not always
  // say of a stream that it left itself that it is over.
  let timer;
  const said = await Promise.race([
    stream.finalMessage().then(() => null, (e) => e),
    new Promise((resolve) => { timer = setTimeout(resolve, 10000, null); }),
  ]);
  clearTimeout(timer);
  return said === null || said instanceof Anthropic.APIUserAbortError;
});

await point('200 streams at once, each to its end', async () => {
  const all = await Promise.all(Array.from({ length: 200 }, async () =>
    collect(await openai.chat.completions.create(
      { model: 'plain', max_tokens: 30, stream: true, messages }))));
  return all.every((s) => s.text.split(' ').length === 31 &&
    s.finish === 'length');
});
await point('openai: what a person denies', () => fails(
  OpenAI.APIError, 402, () => openai.chat.completions.create(
    { model: 'plain', max_tokens: 900000,
      messages: [{ role: 'user', content: 'x'.repeat(300000) }] })));
