/* The lines that do the same as the page, from a shell and in three languages: pure functions of what is asked. */

/* What is asked: `address` for the model, `baseAddress` of the service, `modelWords` (its name, and its version where
   the name is not enough), `fileName`, `contentType`, and `needsToken` where the service asks for a token. */

export function curlLine({ address, fileName, contentType, needsToken }) {
  return [
    "curl --fail-with-body",
    ...(needsToken ? ['-H "Authorization: Bearer $ANDON_TOKEN"'] : []),
    `-H "Content-Type: ${contentType}"`,
    `--data-binary ${shellWord(`@${fileName}`)}`,
    shellWord(address),
  ].join(" ");
}

export function pythonLines({ baseAddress, modelWords: [model, version], fileName, needsToken }) {
  const service = [
    text(baseAddress),
    ...(model ? [`model=${text(model)}`] : []),
    ...(version ? [`version=${text(version)}`] : []),
    ...(needsToken ? ['token=os.environ["ANDON_TOKEN"]'] : []),
  ].join(", ");
  return `${needsToken ? "import os\n\n" : ""}import andon

with andon.Client(${service}) as client:
    prediction = client.predict(${text(fileName)})
print(prediction.label, prediction.score, prediction.verdict.name)
`;
}

export function csharpLines({ address, fileName, contentType, needsToken }) {
  const token = `
            var token = Environment.GetEnvironmentVariable("ANDON_TOKEN");
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);`;
  return `using System;
using System.IO;
using System.Net.Http;
using System.Net.Http.Headers;

class Classify
{
    static int Main()
    {
        using (var client = new HttpClient())
        using (var image = new ByteArrayContent(File.ReadAllBytes(${text(fileName)})))
        {${needsToken ? token : ""}
            image.Headers.ContentType = new MediaTypeHeaderValue(${text(contentType)});
            var answer = client.PostAsync(${text(address)}, image).GetAwaiter().GetResult();
            Console.WriteLine(answer.Content.ReadAsStringAsync().GetAwaiter().GetResult());
            return answer.IsSuccessStatusCode ? 0 : 1;
        }
    }
}
`;
}

export function cppLines({ address, fileName, contentType, needsToken }) {
  const token = `
  const char* token = std::getenv("ANDON_TOKEN");
  const std::string bearer = std::string("Authorization: Bearer ") + (token ? token : "");
  headers = curl_slist_append(headers, bearer.c_str());`;
  return `#include <curl/curl.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

int main() {
  std::ifstream file(${text(fileName)}, std::ios::binary);
  const std::string image((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL* curl = curl_easy_init();
  curl_slist* headers = curl_slist_append(nullptr, ${text(`Content-Type: ${contentType}`)});${needsToken ? token : ""}
  curl_easy_setopt(curl, CURLOPT_URL, ${text(address)});
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, image.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(image.size()));
  const CURLcode code = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK) std::cerr << curl_easy_strerror(code) << std::endl;
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  return status == 200 ? EXIT_SUCCESS : EXIT_FAILURE;
}
`;
}

/* A string as Python, C# and C++ write it; JSON's escapes are theirs too. */
function text(value) {
  return JSON.stringify(value);
}

/* Bare where that is safe, so that the line also works in the Windows shell; else quoted for a POSIX shell. */
function shellWord(word) {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (/^[^"$`\\!]+$/.test(word)) return `"${word}"`;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
