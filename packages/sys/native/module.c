/* Exports the tables of the other files. Any number of threads may load it: what state there is, owned.c locks. */
#include "args.h"

static bool export_methods(napi_env env, napi_value exports, const struct method *methods) {
  for (; methods->name; methods++) {
    napi_value function;
    if (napi_create_function(env, methods->name, NAPI_AUTO_LENGTH, methods->call, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, methods->name, function) != napi_ok) {
      return false;
    }
  }
  return true;
}

static bool export_constants(napi_env env, napi_value exports) {
  napi_value object, value;
  if (napi_create_object(env, &object) != napi_ok) return false;
  for (const struct constant *c = constants; c->name; c++) {
    if (napi_create_double(env, c->value, &value) != napi_ok ||
        napi_set_named_property(env, object, c->name, value) != napi_ok) {
      return false;
    }
  }
  return napi_set_named_property(env, exports, "constants", object) == napi_ok;
}

NAPI_MODULE_INIT() {
  const struct method *const tables[] = {fd_methods,    owned_methods, file_methods, poll_methods,   socket_methods,
                                         uring_methods, clock_methods, host_methods, inotify_methods};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    if (!export_methods(env, exports, tables[i])) return NULL;
  }
  if (!init_owned(env)) return NULL;
  return export_constants(env, exports) ? exports : NULL;
}
