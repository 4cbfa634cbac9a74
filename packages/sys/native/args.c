#include "args.h"

#include <limits.h>
#include <stdlib.h>

static const size_t element_size[] = {
    [napi_int8_array] = 1,    [napi_uint8_array] = 1,   [napi_uint8_clamped_array] = 1,
    [napi_int16_array] = 2,   [napi_uint16_array] = 2,  [napi_int32_array] = 4,
    [napi_uint32_array] = 4,  [napi_float32_array] = 4, [napi_float64_array] = 8,
    [napi_bigint64_array] = 8, [napi_biguint64_array] = 8,
};

bool arg_bytes(napi_env env, napi_value v, struct bytes *out) {
  napi_typedarray_type type;
  void *data = NULL;
  size_t length = 0;
  if (!v) return false;
  if (napi_get_typedarray_info(env, v, &type, &length, &data, NULL, NULL) == napi_ok) {
    /* A kind of array that is newer than this table has 2-byte elements (Float16Array): 1 is always safe. */
    size_t known = sizeof element_size / sizeof *element_size;
    length *= (size_t)type < known ? element_size[type] : 1;
  } else if (napi_get_dataview_info(env, v, &length, &data, NULL, NULL) != napi_ok) {
    return false;
  }
  out->data = data;
  out->length = data ? length : 0;
  return true;
}

static bool is_undefined(napi_env env, napi_value v) {
  napi_valuetype type;
  return napi_typeof(env, v, &type) == napi_ok && type == napi_undefined;
}

bool arg_slice(napi_env env, napi_value *args, struct bytes *out) {
  int64_t offset = 0, length;
  if (!arg_bytes(env, args[0], out)) return false;
  if (!arg_offset(env, args[1], &offset) && !is_undefined(env, args[1])) return false;
  if (offset < 0 || (uint64_t)offset > out->length) return false;
  length = (int64_t)(out->length - (size_t)offset);
  if (!arg_offset(env, args[2], &length) && !is_undefined(env, args[2])) return false;
  if (length < 0 || (uint64_t)length > out->length - (size_t)offset) return false;
  out->data += offset;
  out->length = (size_t)length;
  return true;
}

int arg_vectors(napi_env env, napi_value v, struct iovec **vectors) {
  uint32_t count;
  *vectors = NULL;
  if (!v || napi_get_array_length(env, v, &count) != napi_ok || count > IOV_MAX) return -EINVAL;
  napi_value *views = calloc(count + 1, sizeof *views);
  *vectors = calloc(count + 1, sizeof **vectors);
  int status = views && *vectors ? (int)count : -ENOMEM;
  /* All are fetched before any is looked at: fetching may call a getter, which may detach another one. */
  for (uint32_t i = 0; i < count && status >= 0; i++) {
    if (napi_get_element(env, v, i, &views[i]) == napi_ok) continue;
    napi_value exception;
    napi_get_and_clear_last_exception(env, &exception);
    status = -EINVAL;
  }
  for (uint32_t i = 0; i < count && status >= 0; i++) {
    struct bytes b;
    if (arg_bytes(env, views[i], &b)) (*vectors)[i] = (struct iovec){.iov_base = b.data, .iov_len = b.length};
    else status = -EINVAL;
  }
  free(views);
  return status;
}

bool arg_path(napi_env env, napi_value v, struct bytes *out) {
  return arg_bytes(env, v, out) && out->length > 0 && out->data[out->length - 1] == 0;
}
