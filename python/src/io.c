/* io.c: saving and loading: paths, or Python file objects through readers and writers. */
#include "core.h"

#include <string.h>

/* A path as bytes, or NULL with *file set when it is a file object. */
static PyObject *path_of(PyObject *o, const char *suffix, bool *is_file) {
  *is_file = PyObject_HasAttrString(o, "read") || PyObject_HasAttrString(o, "write");
  if (*is_file) return NULL;
  PyObject *bytes = NULL;
  if (!PyUnicode_FSConverter(o, &bytes)) return NULL;
  size_t n = strlen(PyBytes_AS_STRING(bytes)), k = suffix ? strlen(suffix) : 0;
  if (k && (n < k || strcmp(PyBytes_AS_STRING(bytes) + n - k, suffix))) {
    PyObject *more = PyBytes_FromStringAndSize(suffix, (Py_ssize_t)k);
    if (more) PyBytes_ConcatAndDel(&bytes, more);
  }
  return bytes;
}

/* A file object as a reader: it is sought in and read into the arrays' own memory. What cannot be sought in is read whole first. */
struct reading {
  PyObject *file, *bytes; /* bytes: the content of a file without seek */
  size_t at;
};
static bool reading_open(void *p) { return (void)p, true; }
static bool reading_good(void *p) { return (void)p, !PyErr_Occurred(); }
static size_t reading_tell(void *p) { return ((struct reading *)p)->at; }
static void reading_seek(void *p, int64_t off, int whence) {
  struct reading *r = p;
  if (PyErr_Occurred()) return;
  if (r->bytes) {
    r->at = (size_t)(whence == 2 ? (int64_t)PyBytes_GET_SIZE(r->bytes) + off : whence == 1 ? (int64_t)r->at + off : off);
    return;
  }
  PyObject *at = PyObject_CallMethod(r->file, "seek", "Li", (long long)off, whence);
  long long v = at ? PyLong_AsLongLong(at) : -1;
  if (at && v < 0 && !PyErr_Occurred()) PyErr_SetString(PyExc_OSError, "[load] The file object's seek gives no position.");
  if (v >= 0) r->at = (size_t)v;
  Py_XDECREF(at);
}
/* A file object never sees an array's memory: it may keep what it is given. It gets a part at a time, of memory of its own. */
enum { PART = 16 << 20 };
static PyObject *call_on(PyObject *file, const char *method, PyObject *part) {
  PyObject *view = part ? PyMemoryView_FromObject(part) : NULL, *r = view ? PyObject_CallMethod(file, method, "O", view) : NULL;
  Py_XDECREF(view);
  return r;
}
/* Up to n bytes into data; how many, 0 at the end, -1 with an exception. */
static Py_ssize_t reading_some(PyObject *file, char *data, size_t n) {
  Py_ssize_t most = (Py_ssize_t)(n < PART ? n : PART), v = -1;
  if (PyObject_HasAttrString(file, "readinto")) {
    PyObject *part = PyByteArray_FromStringAndSize(NULL, most), *got = call_on(file, "readinto", part);
    if (got) v = got == Py_None ? 0 : PyLong_AsSsize_t(got);
    if (v > most || (v > 0 && v > PyByteArray_GET_SIZE(part))) v = -1, PyErr_SetString(PyExc_OSError, "[load] The file object gives more bytes than were asked for.");
    if (v > 0) memcpy(data, PyByteArray_AS_STRING(part), (size_t)v);
    Py_XDECREF(got);
    Py_XDECREF(part);
    return v;
  }
  PyObject *bytes = PyObject_CallMethod(file, "read", "n", most);
  if (!bytes) return -1;
  if (!PyBytes_Check(bytes)) PyErr_SetString(PyExc_TypeError, "[load] The file object must be opened in binary mode.");
  else if ((v = PyBytes_GET_SIZE(bytes)) > (Py_ssize_t)n) v = (Py_ssize_t)n;
  if (v > 0) memcpy(data, PyBytes_AS_STRING(bytes), (size_t)v);
  Py_DECREF(bytes);
  return v;
}
static void reading_read_at(void *p, char *data, size_t n, size_t off) {
  struct reading *r = p;
  if (PyErr_Occurred()) return;
  if (r->bytes) {
    size_t size = (size_t)PyBytes_GET_SIZE(r->bytes);
    if (off <= size && n <= size - off) memcpy(data, PyBytes_AS_STRING(r->bytes) + off, n);
    else PyErr_SetString(PyExc_EOFError, "[load] The file object ends too early.");
    return;
  }
  if (off != r->at) reading_seek(p, (int64_t)off, 0);
  while (n && !PyErr_Occurred()) {
    Py_ssize_t got = reading_some(r->file, data, n);
    if (got == 0) PyErr_SetString(PyExc_EOFError, "[load] The file object ends too early.");
    if (got > 0) data += got, n -= (size_t)got, r->at += (size_t)got;
  }
}
static void reading_read(void *p, char *data, size_t n) { reading_read_at(p, data, n, ((struct reading *)p)->at); }
/* 0, or -1 with an exception. */
static int reading_start(struct reading *r, PyObject *file) {
  *r = (struct reading){file, NULL, 0};
  PyObject *at = NULL, *can = PyObject_HasAttrString(file, "seekable") ? PyObject_CallMethod(file, "seekable", NULL) : NULL;
  if (PyErr_Occurred()) return -1; /* closed */
  bool seeks = PyObject_HasAttrString(file, "seek") && PyObject_HasAttrString(file, "tell") && (!can || PyObject_IsTrue(can) == 1);
  Py_XDECREF(can);
  if (!seeks) {
    r->bytes = PyObject_CallMethod(file, "read", NULL);
    if (r->bytes && !PyBytes_Check(r->bytes)) PyErr_SetString(PyExc_TypeError, "[load] The file object must be opened in binary mode.");
    return PyErr_Occurred() ? -1 : 0;
  }
  if (!(at = PyObject_CallMethod(file, "tell", NULL))) return -1;
  long long v = PyLong_AsLongLong(at);
  Py_DECREF(at);
  if (v < 0) return -1;
  r->at = (size_t)v;
  return 0;
}
/* Writing goes straight to the object; its exception stays pending. */
static bool writer_good(void *p) { return (void)p, !PyErr_Occurred(); }
static void writer_write(void *p, const char *data, size_t n) {
  while (n && !PyErr_Occurred()) {
    Py_ssize_t most = (Py_ssize_t)(n < PART ? n : PART), put = most; /* who gives no number has written all */
    PyObject *part = PyBytes_FromStringAndSize(data, most), *r = call_on(p, "write", part);
    if (r && PyLong_Check(r)) put = PyLong_AsSsize_t(r);
    Py_XDECREF(r);
    Py_XDECREF(part);
    if (put <= 0 && !PyErr_Occurred()) PyErr_SetString(PyExc_OSError, "[save] The file object takes no more bytes.");
    if (put > most) put = most;
    data += put, n -= (size_t)(put > 0 ? put : 0);
  }
}
static const char *label(void *p) { return (void)p, "file object"; }
static void no_write(void *p, const char *d, size_t n) { (void)p, (void)d, (void)n; }
static void no_read(void *p, char *d, size_t n) { (void)p, (void)d, (void)n; }
static void no_read_at(void *p, char *d, size_t n, size_t o) { (void)p, (void)d, (void)n, (void)o; }
static void no_seek(void *p, int64_t o, int w) { (void)p, (void)o, (void)w; }
static size_t no_tell(void *p) { return (void)p, 0; }
static const mlx_io_vtable reads = {reading_open, reading_good, reading_tell, reading_seek, reading_read, reading_read_at, no_write, label, NULL};
static const mlx_io_vtable writes = {reading_open, writer_good, no_tell, no_seek, no_read, no_read_at, writer_write, label, NULL};

static PyObject *map_dict(mlx_map_string_to_array m) {
  PyObject *d = PyDict_New();
  const char *key;
  mlx_array a = mlx_array_new();
  mlx_map_string_to_array_iterator it = mlx_map_string_to_array_iterator_new(m);
  while (d && !mlx_map_string_to_array_iterator_next(&key, &a, it)) {
    mlx_array h = mlx_array_new();
    mlx_array_set(&h, a);
    PyObject *x = array_take(h);
    if (!x || PyDict_SetItemString(d, key, x)) Py_CLEAR(d);
    Py_XDECREF(x);
  }
  mlx_array_free(a);
  mlx_map_string_to_array_iterator_free(it);
  return d;
}
static PyObject *text_dict(mlx_map_string_to_string m) {
  PyObject *d = PyDict_New();
  const char *key, *value;
  mlx_map_string_to_string_iterator it = mlx_map_string_to_string_iterator_new(m);
  while (d && !mlx_map_string_to_string_iterator_next(&key, &value, it)) {
    PyObject *x = PyUnicode_FromString(value);
    if (!x || PyDict_SetItemString(d, key, x)) Py_CLEAR(d);
    Py_XDECREF(x);
  }
  mlx_map_string_to_string_iterator_free(it);
  return d;
}

/* The metadata of a GGUF file: arrays, strings and lists of strings. */
static PyObject *metadata_text(mlx_io_gguf g, const char *key, bool list) {
  const char *text;
  size_t n, count;
  if (mlx_ravel_io_gguf_get_metadata_text(&text, &n, &count, g, key, 0)) return raise_error();
  if (!list) return PyUnicode_DecodeUTF8(text, (Py_ssize_t)n, NULL);
  PyObject *l = PyList_New((Py_ssize_t)count);
  for (size_t i = 0; l && i < count; i++) {
    PyObject *x = mlx_ravel_io_gguf_get_metadata_text(&text, &n, NULL, g, key, i) ? raise_error() : PyUnicode_DecodeUTF8(text, (Py_ssize_t)n, NULL);
    if (x) PyList_SET_ITEM(l, (Py_ssize_t)i, x);
    else Py_CLEAR(l);
  }
  return l;
}
static PyObject *metadata_value(mlx_io_gguf g, const char *key) {
  bool is_array = false, is_list = false;
  mlx_array a = mlx_array_new();
  if (mlx_io_gguf_has_metadata_array(&is_array, g, key) || mlx_io_gguf_has_metadata_vector_string(&is_list, g, key)) return raise_error();
  return is_array ? array_result(mlx_io_gguf_get_metadata_array(&a, g, key), a) : metadata_text(g, key, is_list);
}
static PyObject *metadata_dict(mlx_io_gguf g) {
  mlx_vector_string keys = mlx_vector_string_new();
  PyObject *d = mlx_ravel_io_gguf_get_metadata_keys(&keys, g) ? raise_error() : PyDict_New();
  char *key;
  for (size_t i = 0; d && i < mlx_vector_string_size(keys) && !mlx_vector_string_get(&key, keys, i); i++) {
    PyObject *x = metadata_value(g, key);
    if (!x || PyDict_SetItemString(d, key, x)) Py_CLEAR(d);
    Py_XDECREF(x);
  }
  mlx_vector_string_free(keys);
  return d;
}
static PyObject *gguf_dict(mlx_io_gguf g) {
  mlx_vector_string keys = mlx_vector_string_new();
  PyObject *d = mlx_io_gguf_get_keys(&keys, g) ? raise_error() : PyDict_New();
  char *key;
  for (size_t i = 0; d && i < mlx_vector_string_size(keys) && !mlx_vector_string_get(&key, keys, i); i++) {
    mlx_array a = mlx_array_new();
    PyObject *x = array_result(mlx_io_gguf_get_array(&a, g, key), a);
    if (!x || PyDict_SetItemString(d, key, x)) Py_CLEAR(d);
    Py_XDECREF(x);
  }
  mlx_vector_string_free(keys);
  return d;
}

enum format { NPY, NPZ, SAFETENSORS, GGUF, FORMATS };
static const char *const format_names[FORMATS] = {"npy", "npz", "safetensors", "gguf"};
/* FORMATS with an exception when it is none of them. */
static enum format format_of(PyObject *given, const char *path, PyObject *file) {
  const char *f = NULL;
  if (given && given != Py_None) {
    if (!(f = PyUnicode_AsUTF8(given))) return FORMATS;
  } else {
    const char *dot = path ? strrchr(path, '.') : NULL;
    f = dot && !strchr(dot, '/') ? dot + 1 : NULL;
  }
  for (int i = 0; f && i < FORMATS; i++)
    if (!strcmp(f, format_names[i])) return (enum format)i;
  if (f) PyErr_Format(PyExc_ValueError, "[load] Unknown file format %s: npy, npz, safetensors and gguf are known.", f);
  else refuse(PyExc_ValueError, "[load] Could not infer the file format of %.200U from its name: give format.", file);
  return FORMATS;
}

/* With a path the GIL is let go: nothing of Python's is touched. */
static PyObject *load_any(enum format f, const char *path, mlx_io_reader reader, bool metadata, mlx_stream s) {
  mlx_array a = mlx_array_new();
  mlx_map_string_to_array m = {NULL};
  mlx_map_string_to_string t = {NULL};
  mlx_io_gguf g = {NULL};
  int status;
  PyThreadState *state = path ? PyEval_SaveThread() : NULL;
  switch (f) {
  case NPY: status = path ? mlx_load(&a, path, s) : mlx_load_reader(&a, reader, s); break;
  case NPZ: status = path ? mlx_ravel_load_npz(&m, path) : mlx_ravel_load_npz_reader(&m, reader); break;
  case GGUF: status = path ? mlx_load_gguf(&g, path, s) : mlx_ravel_load_gguf_reader(&g, reader, s); break;
  default: status = path ? mlx_load_safetensors(&m, &t, path, s) : mlx_load_safetensors_reader(&m, &t, reader, s);
  }
  if (state) PyEval_RestoreThread(state);
  PyObject *r = status ? raise_error() : f == NPY ? array_take(a) : f == GGUF ? gguf_dict(g) : map_dict(m);
  if (r && metadata) {
    PyObject *more = f == GGUF ? metadata_dict(g) : text_dict(t);
    if (more) r = Py_BuildValue("(NN)", r, more);
    else Py_CLEAR(r);
  }
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_string_free(t);
  mlx_io_gguf_free(g);
  return r;
}

static PyObject *do_load(const struct function *fn, PyObject **v) { /* file, format, return_metadata, stream */
  (void)fn;
  bool is_file, metadata;
  mlx_stream s;
  if (to_bool(v[2], &metadata, false) || to_stream(v[3], &s)) return NULL;
  PyObject *path = path_of(v[0], NULL, &is_file), *r = NULL;
  if (!path && !is_file) return NULL;
  PyObject *name = is_file && (!v[1] || v[1] == Py_None) ? PyObject_GetAttrString(v[0], "name") : NULL;
  PyErr_Clear();
  const char *guess = path ? PyBytes_AS_STRING(path) : name && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
  enum format f = PyErr_Occurred() ? FORMATS : format_of(v[1], guess, v[0]);
  if (f == FORMATS) {
  } else if (metadata && f < SAFETENSORS) {
    PyErr_Format(PyExc_ValueError, "[load] Metadata is not supported for format %s.", format_names[f]);
  } else if (path) {
    r = load_any(f, PyBytes_AS_STRING(path), (mlx_io_reader){NULL}, metadata, s);
  } else {
    struct reading from;
    if (!reading_start(&from, v[0])) {
      mlx_io_reader reader = mlx_io_reader_new(&from, reads);
      r = reader.ctx ? load_any(f, NULL, reader, metadata, s) : raise_error();
      mlx_io_reader_free(reader);
    }
    Py_XDECREF(from.bytes);
  }
  Py_XDECREF(name);
  Py_XDECREF(path);
  return r;
}

/* Saving to a path lets the GIL go; evaluation in it can be interrupted. */
#define SAVE_TO_PATH(status, call)                                                                            \
  do {                                                                                                        \
    heed_signals();                                                                                           \
    Py_BEGIN_ALLOW_THREADS;                                                                                   \
    status = call;                                                                                            \
    Py_END_ALLOW_THREADS;                                                                                     \
  } while (0)

static PyObject *do_save(const struct function *fn, PyObject **v) { /* file, arr */
  (void)fn;
  bool is_file;
  mlx_array h, made = mlx_array_new();
  PyObject *path = path_of(v[0], ".npy", &is_file);
  if ((!path && !is_file) || to_array(v[1], &h, &made)) return Py_XDECREF(path), NULL;
  int status;
  if (path) SAVE_TO_PATH(status, mlx_save(PyBytes_AS_STRING(path), h));
  else if (wait_for(h)) return mlx_array_free(made), NULL;
  else {
    mlx_io_writer w = mlx_io_writer_new(v[0], writes);
    status = mlx_save_writer(w, h);
    mlx_io_writer_free(w);
  }
  Py_XDECREF(path);
  mlx_array_free(made);
  CHECK(status);
  Py_RETURN_NONE;
}

/* now: evaluate it here, without the GIL; a writer of Python's is called with it, and who waits with it may wait for ever. */
static int insert(mlx_map_string_to_array m, const char *key, PyObject *value, bool now) {
  mlx_array h, made = mlx_array_new();
  if (!key || to_array(value, &h, &made)) return -1;
  int bad = now ? wait_for(h) : 0;
  if (!bad && mlx_map_string_to_array_insert(m, key, h)) bad = (raise_error(), -1);
  mlx_array_free(made);
  return bad;
}

static PyObject *do_savez(const struct function *fn, PyObject **v) { /* file, *args, **kwargs */
  bool is_file, compress = !strcmp(fn->name, "savez_compressed");
  PyObject *path = path_of(v[0], ".npz", &is_file), *key, *value;
  if (!path && !is_file) return NULL;
  mlx_map_string_to_array m = mlx_map_string_to_array_new();
  int bad = 0, status = 0;
  Py_ssize_t at = 0;
  while (!bad && v[2] && PyDict_Next(v[2], &at, &key, &value)) bad = insert(m, PyUnicode_AsUTF8(key), value, is_file);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(v[1]) && !bad; i++) {
    char name[32];
    snprintf(name, sizeof name, "arr_%zd", i);
    if (v[2] && PyDict_GetItemString(v[2], name)) bad = -1, PyErr_Format(PyExc_ValueError, "[savez] The name %s is given twice.", name);
    else bad = insert(m, name, PyTuple_GET_ITEM(v[1], i), is_file);
  }
  if (!bad && path) SAVE_TO_PATH(status, mlx_ravel_save_npz(PyBytes_AS_STRING(path), m, compress));
  else if (!bad) {
    mlx_io_writer w = mlx_io_writer_new(v[0], writes);
    status = mlx_ravel_save_npz_writer(w, m, compress);
    mlx_io_writer_free(w);
  }
  Py_XDECREF(path);
  mlx_map_string_to_array_free(m);
  if (bad) return NULL;
  CHECK(status);
  Py_RETURN_NONE;
}

static PyObject *do_save_safetensors(const struct function *fn, PyObject **v) { /* file, arrays, metadata */
  (void)fn;
  bool is_file;
  if (!PyDict_Check(v[1])) return PyErr_Format(PyExc_TypeError, "[save_safetensors] expected a dict of arrays, not %R", Py_TYPE(v[1]));
  if (v[2] && v[2] != Py_None && !PyDict_Check(v[2]))
    return PyErr_Format(PyExc_TypeError, "[save_safetensors] expected a dict of metadata, not %R", Py_TYPE(v[2]));
  PyObject *path = path_of(v[0], ".safetensors", &is_file), *key, *value;
  if (!path && !is_file) return NULL;
  mlx_map_string_to_array m = mlx_map_string_to_array_new();
  mlx_map_string_to_string t = mlx_map_string_to_string_new();
  int bad = 0, status = 0;
  Py_ssize_t at = 0;
  PyObject *arrays = PyDict_Copy(v[1]); /* what becomes an array by a method of its own may change the dict */
  bad = arrays ? 0 : -1;
  while (!bad && PyDict_Next(arrays, &at, &key, &value)) bad = insert(m, PyUnicode_AsUTF8(key), value, is_file);
  Py_XDECREF(arrays);
  at = 0;
  while (!bad && v[2] && v[2] != Py_None && PyDict_Next(v[2], &at, &key, &value)) {
    if (!PyUnicode_Check(key) || !PyUnicode_Check(value))
      PyErr_Format(PyExc_TypeError, "[save_safetensors] metadata must have strings as keys and values, not %R: %R.", key, value);
    const char *k = PyErr_Occurred() ? NULL : PyUnicode_AsUTF8(key), *x = k ? PyUnicode_AsUTF8(value) : NULL;
    bad = !x || mlx_map_string_to_string_insert(t, k, x);
  }
  if (!bad && path) SAVE_TO_PATH(status, mlx_save_safetensors(PyBytes_AS_STRING(path), m, t));
  else if (!bad) {
    mlx_io_writer w = mlx_io_writer_new(v[0], writes);
    status = mlx_save_safetensors_writer(w, m, t);
    mlx_io_writer_free(w);
  }
  Py_XDECREF(path);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_string_free(t);
  if (bad) return NULL;
  CHECK(status);
  Py_RETURN_NONE;
}

/* One metadata value into the handle; 0, or -1 with an exception. */
static int set_metadata(mlx_io_gguf g, const char *key, PyObject *value) {
  if (Array_Check(value)) return mlx_io_gguf_set_metadata_array(g, key, H(value)) ? (raise_error(), -1) : 0;
  bool list = PyList_Check(value) || PyTuple_Check(value);
  Py_ssize_t n = list ? PySequence_Fast_GET_SIZE(value) : 1;
  const char **text = PyMem_Calloc((size_t)n + 1, sizeof *text);
  size_t *length = PyMem_Calloc((size_t)n + 1, sizeof *length);
  int bad = text && length ? 0 : (PyErr_NoMemory(), -1);
  for (Py_ssize_t i = 0; i < n && !bad; i++) {
    PyObject *x = list ? PySequence_Fast_GET_ITEM(value, i) : value;
    Py_ssize_t size = 0;
    if (PyUnicode_Check(x)) text[i] = PyUnicode_AsUTF8AndSize(x, &size);
    else PyErr_Format(PyExc_TypeError, "[save_gguf] Metadata \"%s\" must be an array, a str or a list of str, not %R", key, Py_TYPE(x));
    bad = text[i] ? 0 : -1;
    length[i] = (size_t)size;
  }
  if (!bad && mlx_ravel_io_gguf_set_metadata_text(g, key, text, length, (size_t)n, list)) bad = (raise_error(), -1);
  PyMem_Free(text);
  PyMem_Free(length);
  return bad;
}
static PyObject *do_save_gguf(const struct function *fn, PyObject **v) { /* file, arrays, metadata */
  (void)fn;
  bool is_file, given = v[2] && v[2] != Py_None;
  if (!PyDict_Check(v[1])) return PyErr_Format(PyExc_TypeError, "[save_gguf] expected a dict of arrays, not %R", Py_TYPE(v[1]));
  if (given && !PyDict_Check(v[2])) return PyErr_Format(PyExc_TypeError, "[save_gguf] expected a dict of metadata, not %R", Py_TYPE(v[2]));
  PyObject *path = path_of(v[0], ".gguf", &is_file), *key, *value;
  if (!path && !is_file) return NULL;
  mlx_io_gguf g = mlx_io_gguf_new();
  int bad = 0, status = 0;
  Py_ssize_t at = 0;
  PyObject *arrays = PyDict_Copy(v[1]);
  bad = arrays ? 0 : -1;
  while (!bad && PyDict_Next(arrays, &at, &key, &value)) {
    const char *k = PyUnicode_AsUTF8(key);
    mlx_array h, made = mlx_array_new();
    bad = !k || to_array(value, &h, &made) || (is_file && wait_for(h)) ? -1 : 0;
    if (!bad && mlx_io_gguf_set_array(g, k, h)) bad = (raise_error(), -1);
    mlx_array_free(made);
  }
  Py_XDECREF(arrays);
  at = 0;
  while (!bad && given && PyDict_Next(v[2], &at, &key, &value)) {
    const char *k = PyUnicode_AsUTF8(key);
    bad = k ? set_metadata(g, k, value) : -1;
  }
  if (!bad && path) SAVE_TO_PATH(status, mlx_save_gguf(PyBytes_AS_STRING(path), g));
  else if (!bad) {
    mlx_io_writer w = mlx_io_writer_new(v[0], writes);
    status = mlx_ravel_save_gguf_writer(w, g);
    mlx_io_writer_free(w);
  }
  Py_XDECREF(path);
  mlx_io_gguf_free(g);
  if (bad) return NULL;
  CHECK(status);
  Py_RETURN_NONE;
}

const struct function io_functions[] = {
#include "io.def"
    {0}};
